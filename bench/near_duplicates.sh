#!/usr/bin/env bash
# Our filter of near duplicates beside datasketch's MinHashLSH, on the same texts, one thread each: recall, precision,
# memory and CPU seconds.
#   PYTHON=a python with datasketch
set -euo pipefail
: "${PYTHON:=python3}"
cd "$(dirname "$0")/.."
cargo build --release -q -p synth-bench
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
export RAYON_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
"${CARGO_TARGET_DIR:-target}/release/synth-bench" near-duplicates "$folder"
for hash in sha1 crc32; do
    "$PYTHON" bench/peers/datasketch_minhash.py "$folder" "$hash"
done
