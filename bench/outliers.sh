#!/usr/bin/env bash
# Outliers beside scikit-learn's, and near copies beside a blocked product of NumPy, on the same points, in one run.
#   SKLEARN_PYTHON=a Python with scikit-learn
set -euo pipefail
: "${SKLEARN_PYTHON:?names no Python}"
# Settings that slow NumPy's products down on some machines are left out.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
export RAYON_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
cd "$(dirname "$0")/.."
cargo build --release -q -p synth-bench
bench=$(realpath "${CARGO_TARGET_DIR:-target}/release/synth-bench")
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
"$SKLEARN_PYTHON" bench/outliers.py run "$folder"
"$bench" outliers "$folder"
"$SKLEARN_PYTHON" bench/outliers.py run "$folder"
"$bench" outliers "$folder"
