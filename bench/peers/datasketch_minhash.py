"""datasketch's MinHashLSH on the texts that `synth-bench near-duplicates DIR` left in DIR: what it finds, memory, CPU seconds.

The same shingles (5 characters), as many hashes, the same bands and the same rule as ours: a text is dropped if one that was kept
is at .8 or more, by exact comparison of the candidates. What it would drop without that comparison is counted too. The hash is
`sha1`, its own, or `crc32`, the fastest that Python brings along.

    python datasketch_minhash.py DIR sha1|crc32
"""
import json
import sys
import time
import zlib

from datasketch import MinHash, MinHashLSH
from datasketch.hashfunc import sha1_hash32

BANDS, ROWS = 18, 6


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def jaccard(a, b):
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


with open(f"{sys.argv[1]}/near_duplicates.jsonl") as file:
    records = [json.loads(line) for line in file]
texts = [record["text"].encode() for record in records]
shingles_of = lambda text: {text[i : i + 5] for i in range(len(text) - 4)} or {text}

name = sys.argv[2]
hashfunc = {"sha1": sha1_hash32, "crc32": zlib.crc32}[name]
lsh = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
kept, named, proposed = {}, {}, {}
spent = dict.fromkeys(["shingles", "hashes", "index", "compare"], 0.0)
before = resident()
last = time.process_time()


def lap(stage):
    global last
    now = time.process_time()
    spent[stage] += now - last
    last = now


for start in range(0, len(texts), 1000):
    last = time.process_time()
    shingles = [shingles_of(text) for text in texts[start : start + 1000]]
    lap("shingles")
    hashes = list(MinHash.generator(shingles, num_perm=BANDS * ROWS, hashfunc=hashfunc))
    lap("hashes")
    for i, (own, minhash) in enumerate(zip(shingles, hashes), start):
        candidates = lsh.query(minhash)
        lap("index")
        if candidates:
            proposed[i] = candidates
        best = max(((jaccard(own, kept[c]), -c) for c in candidates), default=(0, 0))
        lap("compare")
        if best[0] >= 0.8:
            named[i] = -best[1]
        else:
            kept[i] = own
            lsh.insert(i, minhash)
            lap("index")
    if start + 1000 in (50000, 100000):
        total = sum(spent.values())
        print(f"{start + 1000:>7} texts, {len(kept)} kept: {resident() - before:.1f} MiB more resident, {total:.2f} CPU s")

planted = [r["id"] for r in records if r["of"] is not None and r["jaccard"] >= 0.8]
found = sum(i in named for i in planted)
of = lambda i: [jaccard(shingles_of(texts[i]), shingles_of(texts[c])) for c in proposed[i]]
most = [max(of(i)) for i in proposed]
right, wrong = sum(j >= 0.8 for j in most), sum(j <= 0.5 for j in most)
print(f"datasketch {name}: recall {found / len(planted):.4f}; precision without comparison {right / (right + wrong):.4f}")
print("    CPU s: " + ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in spent.items()) + f"; all {sum(spent.values()):.2f}")
