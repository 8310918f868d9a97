"""Soft labels into scikit-learn: every record counts once for each class, as much as its soft label says.

    synth label --data mails.jsonl --lfs spam.lf --out soft.parquet
    python examples/train_sklearn.py soft.parquet text

Needs pyarrow and scikit-learn. Reads the Parquet file as it is; so does `datasets.load_dataset("parquet", …)`.
"""
import json
import sys

import numpy as np
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

path, field = sys.argv[1:3]
table = pq.read_table(path)
classes = json.loads(table.schema.metadata[b"synth.classes"])
covered = np.asarray(table["n_votes"]) > 0
texts = [text or "" for text in table[field].to_pylist()]
probs = np.array(table["probs"].to_pylist())

vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
features = vectorizer.fit_transform([text for text, known in zip(texts, covered) if known])
probs = probs[covered]
n, k = probs.shape
# scikit-learn takes one class a row, so a row stands there for each class, with its probability as weight.
model = LogisticRegression(max_iter=1000)
model.fit(features[np.repeat(np.arange(n), k)], np.tile(np.arange(k), n), sample_weight=probs.ravel())
predicted = model.predict_proba(vectorizer.transform(texts))
assert np.allclose(predicted.sum(1), 1)
print(f"learned from {n} of {len(texts)} records")
for c, name in enumerate(classes):
    print(f"{name}: {(predicted.argmax(1) == c).sum()}")
