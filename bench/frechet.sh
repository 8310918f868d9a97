#!/usr/bin/env bash
# Our Fréchet distance beside that by scipy's sqrtm, on the same points, in one run.
#   FRECHET_PYTHON=a Python with numpy and scipy
#   THREADS=1
set -euo pipefail
: "${FRECHET_PYTHON:?names no Python}" "${THREADS:=1}"
cd "$(dirname "$0")/.."
cargo build --release -q -p synth-bench
bench=$(realpath "${CARGO_TARGET_DIR:-target}/release/synth-bench")
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
for _ in 1 2; do
    OMP_NUM_THREADS=$THREADS OPENBLAS_NUM_THREADS=$THREADS "$FRECHET_PYTHON" bench/frechet.py "$folder"
    RAYON_NUM_THREADS=$THREADS "$bench" frechet "$folder"
done
