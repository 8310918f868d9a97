"""Label errors by cleanlab. Called by label_errors.sh; leaves labels and probabilities for synth, and reads what it found.

    label_errors.py planted FOLDER N K      labels with planted noise
    label_errors.py real FOLDER SET         a set of the shared benchmark data
    label_errors.py compare FOLDER [SET]    the rows that synth flagged beside those of cleanlab; fails if other rows than tied
                                            ones differ, or if those that people checked were more often right
"""
import json, os, resource, sys, time
import numpy as np

RULES = {"prune-by-noise-rate": "prune_by_noise_rate", "prune-by-class": "prune_by_class", "both": "both",
         "confident-learning": "confident_learning", "predicted-not-given": "predicted_neq_given"}
what, folder = sys.argv[1:3]
path = lambda name: os.path.join(folder, name)


def seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak():
    """The most memory so far, in MiB; after reset() since then."""
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024


def planted(n, k):
    """A model that is right nine times of ten; 8 % of the labels are wrong, 60 % of these are the next class."""
    r = np.random.default_rng([0, n, k])
    truth = r.integers(0, k, n)
    z = r.standard_normal((n, k), dtype=np.float32)
    z[np.arange(n), truth] += np.float32(3.0 + 0.35 * np.log(k))
    z *= 1.5
    z -= z.max(1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(1, keepdims=True)
    flip = r.random(n) < 0.08
    to = np.where(r.random(n) < 0.6, (truth + 1) % k, (truth + 1 + r.integers(0, k - 1, n)) % k)
    return np.where(flip, to, truth), z


if what == "compare":
    reviewed = {}
    if len(sys.argv) > 3:
        for line in open(os.path.join(os.environ["SYNTH_BENCH_DATA"], "label_errors_" + sys.argv[3], "reviewed.jsonl")):
            row = json.loads(line)
            reviewed[row["index"]] = row["verdict"] != "keep"
    labels = np.fromfile(path("labels"), "<u2")
    probs = np.fromfile(path("probs"), "<f4").reshape(len(labels), -1)
    failed = False
    for rule in json.load(open(path("rules.json"))):
        ours, theirs = (set(map(int, open(path(f"{who}.{rule}")).read().split())) for who in ("synth", "cleanlab"))
        line = f"{rule}: {len(ours)} by synth, {len(theirs)} by cleanlab, Jaccard {len(ours & theirs) / max(1, len(ours | theirs)):.4f}"
        # Of rows whose label has a probability of exactly 0, in a class that has more of them than are flagged, any will do.
        tied = sum(probs[row, labels[row]] == 0 for row in ours ^ theirs)
        line += f"; {len(ours ^ theirs)} rows differ, {tied} of them tied at a probability of 0"
        failed |= tied < len(ours ^ theirs) and len(ours & theirs) < .99 * len(ours | theirs)
        if reviewed:
            precision = lambda rows: np.mean([reviewed[row] for row in rows if row in reviewed])
            line += f"; precision among reviewed {precision(ours):.4f} and {precision(theirs):.4f}"
            failed |= precision(ours) < precision(theirs)
        print(line)
    sys.exit(int(failed))

from cleanlab.filter import find_label_issues
import cleanlab

if what == "planted":
    labels, probs = planted(int(sys.argv[3]), int(sys.argv[4]))
    rules = ["prune-by-noise-rate"]
else:
    data = os.path.join(os.environ["SYNTH_BENCH_DATA"], "label_errors_" + sys.argv[3])
    labels, probs = np.load(os.path.join(data, "given_labels.npy")), np.load(os.path.join(data, "pred_probs.npy"))
    rules = list(RULES)
labels.astype("<u2").tofile(path("labels"))
probs.astype("<f4").tofile(path("probs"))
json.dump(rules, open(path("rules.json"), "w"))
open("/proc/self/clear_refs", "w").write("5")
before = peak()
for rule in rules:
    cpu = seconds()
    found = np.nonzero(find_label_issues(labels, probs, filter_by=RULES[rule], n_jobs=1))[0]
    cpu = seconds() - cpu
    open(path("cleanlab." + rule), "w").write("\n".join(map(str, found)))
    if what == "planted":
        print(f"cleanlab {cleanlab.__version__}, {rule}, {probs.shape[0]} x {probs.shape[1]}: {cpu:.2f} CPU s, "
              f"{(peak() - before) / (probs.nbytes / 2**20):.2f} times the memory of the probabilities beside them")
