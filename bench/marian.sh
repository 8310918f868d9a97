#!/usr/bin/env bash
# Our Marian beside transformers and CTranslate2, on the same random weights of the size of opus-mt-en-fr, in one run:
# tokens a second, 16 sentences of 30 tokens.
#   MARIAN_PYTHON=a Python 3.10 with torch==1.12.1 'numpy<2' transformers==4.30.2 sentencepiece safetensors ctranslate2
#   MARIAN_DIR=a folder for the model, of 300 MB
#   THREADS=1
set -euo pipefail
: "${MARIAN_PYTHON:?names no Python}" "${MARIAN_DIR:?names no folder}" "${THREADS:=1}"
cd "$(dirname "$0")/.."
cargo build --release -q -p synth-bench
bench=$(realpath "${CARGO_TARGET_DIR:-target}/release/synth-bench")
[ -e "$MARIAN_DIR/model.safetensors" ] || "$MARIAN_PYTHON" bench/marian.py write "$MARIAN_DIR" "$THREADS"
# Twice each, in turn: machines are shared.
for _ in 1 2; do
    RAYON_NUM_THREADS=$THREADS CANDLE_NUM_THREADS=$THREADS "$bench" translation "$MARIAN_DIR"
    OMP_NUM_THREADS=$THREADS "$MARIAN_PYTHON" bench/marian.py transformers "$MARIAN_DIR" "$THREADS"
    OMP_NUM_THREADS=$THREADS "$MARIAN_PYTHON" bench/marian.py ctranslate2 "$MARIAN_DIR" "$THREADS"
done 2> >(grep -v Warning >&2)
