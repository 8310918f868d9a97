#!/usr/bin/env bash
# Label errors beside cleanlab's: the same rows on three real sets, CPU seconds and memory on a million planted labels.
#   CLEANLAB_PYTHON=a Python with cleanlab==2.9.0
#   N=1000000
set -euo pipefail
: "${CLEANLAB_PYTHON:?names no Python}" "${N:=1000000}" "${SYNTH_BENCH_DATA:=$(dirname "$0")/../../shared/data}"
SYNTH_BENCH_DATA=$(realpath "$SYNTH_BENCH_DATA")
export SYNTH_BENCH_DATA RAYON_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
cd "$(dirname "$0")/.."
cargo build --release -q -p synth-bench
bench=$(realpath "${CARGO_TARGET_DIR:-target}/release/synth-bench")
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
for set in mnist cifar10 20news; do
    echo "$set"
    "$CLEANLAB_PYTHON" bench/label_errors.py real "$folder" "$set"
    "$bench" label-errors "$folder"
    "$CLEANLAB_PYTHON" bench/label_errors.py compare "$folder" "$set"
done
for k in 10 100; do
    "$CLEANLAB_PYTHON" bench/label_errors.py planted "$folder" "$N" "$k"
    "$bench" label-errors "$folder"
    "$CLEANLAB_PYTHON" bench/label_errors.py compare "$folder"
done
