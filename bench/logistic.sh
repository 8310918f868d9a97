#!/usr/bin/env bash
# Our logistic regression beside scikit-learn's, on the same features, one thread each: objective and CPU seconds.
#   SYNTH_BENCH_DATA=folder of the shared benchmark data  PYTHON=a python with scikit-learn
set -euo pipefail
: "${SYNTH_BENCH_DATA:?the folder of the shared benchmark data}" "${PYTHON:=python3}"
cd "$(dirname "$0")/.."
cargo build --release -q -p synth-bench
out=$(mktemp -d)
trap 'rm -r "$out"' EXIT
export RAYON_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
"${CARGO_TARGET_DIR:-target}/release/synth-bench" logistic "$out"
echo "scikit-learn"
"$PYTHON" bench/logistic.py "$out"
