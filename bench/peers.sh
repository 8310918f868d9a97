#!/usr/bin/env bash
# Our labeling functions and label models beside those of the peers, in one run on one machine: CPU seconds, labeling
# functions on one thread each, as Snorkel has no more and threads that share a machine slow each other.
#   PEERS=folder of the peers' scripts  PYTHON=a python with their requirements  PEER_DATA=folder for generated data
set -euo pipefail
: "${PEERS:?the folder of the scripts that run the peers}" "${PYTHON:=python3}" "${PEER_DATA:?a folder for generated data}"
export PEER_DATA
cd "$(dirname "$0")/.."
cargo build --release -q -p synth-bench
bench=${CARGO_TARGET_DIR:-target}/release/synth-bench
mkdir -p "$PEER_DATA"
(
    cd "$PEERS"
    [ -f "$PEER_DATA/texts_100000.jsonl" ] || "$PYTHON" gen_texts.py 100000
    [ -f "$PEER_DATA/keywords_1800.json" ] || "$PYTHON" gen_keywords.py
    [ -f "$PEER_DATA/lm_n1000000_m30_k5_L.npy" ] || "$PYTHON" gen_labels.py
    # The first of these writes the matrix that all others are compared with.
    for run in "pydict 1" "polars_tok 5" "snorkel_tuned 1"; do
        set -- $run
        "$PYTHON" lf_apply.py --impl "$1" --n 100000 --repeats "$2" --threads 1 | tail -n 1
    done
)
RAYON_NUM_THREADS=1 "$bench" lf-apply
(cd "$PEERS" && "$PYTHON" label_model.py --impl snorkel --n 1000000 --m 30 --k 5 | tail -n 1)
"$bench" label-planted
