"""Outliers by scikit-learn and near copies by NumPy, one thread. Called by outliers.sh; leaves the points for synth.

    outliers.py run FOLDER
"""
import json, os, resource, sys, time
import numpy as np, sklearn
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

folder = sys.argv[2]
path = lambda name: os.path.join(folder, name)


def seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


# Six clusters that are stretched; 2 % of the points are drawn out of theirs.
r = np.random.default_rng([0, 11])
n, d = 20_000, 32
centres = r.standard_normal((6, d)) * 3
stretch = r.standard_normal((6, d, d)) * 0.3 + np.eye(d)
cluster = r.integers(0, 6, n)
X = centres[cluster] + np.einsum("nij,nj->ni", stretch[cluster], r.standard_normal((n, d)))
out = r.random(n) < 0.02
X[out] = centres[cluster[out]] + (X[out] - centres[cluster[out]]) * r.uniform(1.6, 2.6, (out.sum(), 1))
X = X.astype(np.float32)
# 20,000 directions, of which the last 1,000 nearly repeat the first.
E = r.standard_normal((20_000, 384)).astype(np.float32)
E[-1000:] = E[:1000] + 0.15 * r.standard_normal((1000, 384)).astype(np.float32)
E /= np.linalg.norm(E, axis=1, keepdims=True)
X.tofile(path("points"))
E.tofile(path("directions"))
out.astype(np.uint8).tofile(path("outliers"))
json.dump({"points": [n, d], "directions": list(E.shape)}, open(path("shapes.json"), "w"))


def measure(name, work, say):
    cpu = seconds()
    result = work()
    print(f"{name}: {seconds() - cpu:.2f} CPU s, {say(result)}", flush=True)


auc = lambda scores: f"AUC {roc_auc_score(out, scores):.4f}"
version = f"scikit-learn {sklearn.__version__}"
measure(f"{version} IsolationForest", lambda: -IsolationForest(random_state=0, n_jobs=1).fit(X).score_samples(X), auc)
measure(f"{version} LocalOutlierFactor, k = 20", lambda: -LocalOutlierFactor(n_neighbors=20, n_jobs=1).fit(X).negative_outlier_factor_, auc)


def blocks(threshold=0.95, size=2000):
    pairs = set()
    for i in range(0, len(E), size):
        products = E[i : i + size] @ E[i:].T
        x, y = np.nonzero(products > threshold)
        pairs.update((a + i, b + i) for a, b in zip(x.tolist(), y.tolist()) if b > a)
    return pairs


planted = {(i, i + 19_000) for i in range(1000)}
measure(f"NumPy {np.__version__} blocked product, cosine > .95", blocks, lambda pairs: f"{len(pairs)} pairs, {len(pairs & planted)} planted")
