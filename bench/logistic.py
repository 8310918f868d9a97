"""scikit-learn's LogisticRegression(lbfgs) on the features that `synth-bench logistic DIR` left in DIR: objective and CPU seconds.

The tolerance is the largest of a few at which its objective is within 1e-6 of the best it reaches at all, so that what is
compared is the time to the same optimum.
"""
import sys
import time

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

for name in ["agnews", "trec"]:
    folder = f"{sys.argv[1]}/{name}"
    integers = lambda part: np.fromfile(f"{folder}/{part}.i64", "<i8")
    starts, columns, y = integers("starts"), integers("columns"), integers("labels")
    x = csr_matrix((np.fromfile(f"{folder}/values.f64", "<f8"), columns, starts), shape=(len(y), columns.max() + 1))
    for l2 in [1e-3, 1e-4]:
        runs = []
        for tol in [1e-4, 1e-5, 1e-6, 1e-7]:
            model = LogisticRegression(C=1 / (l2 * len(y)), tol=tol, max_iter=10000)
            start = time.process_time()
            model.fit(x, y)
            cpu = time.process_time() - start
            logits = x @ model.coef_.T + model.intercept_
            top = logits.max(1)
            loss = (top + np.log(np.exp(logits - top[:, None]).sum(1)) - logits[np.arange(len(y)), y]).mean()
            runs.append((loss + l2 / 2 * (model.coef_**2).sum(), cpu, tol, model.n_iter_[0]))
        best = min(run[0] for run in runs)
        objective, cpu, tol, steps = next(run for run in runs if run[0] <= best * (1 + 1e-6))
        print(f"{name:<8} {x.shape[0]:>8} {x.shape[1]:>8} {l2:>9} {len(model.classes_):>6} {objective:>18.12f} {steps:>6} {cpu:>8.3f}  tol {tol}")
