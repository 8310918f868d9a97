#!/usr/bin/env bash
# Ten million records, labelled: seconds and the most memory that was resident.
#   bench/large.sh [ROWS] [FOLDER]
set -euo pipefail
rows=${1:-10000000}
folder=${2:-$(mktemp -d)}
cd "$(dirname "$0")/.."
cargo build --release -q -p synth-cli -p synth-bench
bin=${CARGO_TARGET_DIR:-target}/release
[ -f "$folder/rows.jsonl" ] || "$bin/synth-bench" rows "$rows" "$folder/rows.jsonl"
cat > "$folder/rows.lf" <<'LF'
classes calm, upset
let trouble = ["never", "crashes", "charged twice", "late", "refund"]
lf trouble upset when text contains any of word trouble
lf praise  calm  when text contains any of word ["great", "love", "thanks"]
lf denied  upset when text has ["not", "never"] within 2 words before ["working", "came"]
lf rated   calm  when stars >= 4
           upset when stars <= 2
lf polite  calm  when text contains word "please" and not text contains any of word trouble
LF
/usr/bin/env time -f "%e s, %U user + %S system CPU s, %M KB resident at most" \
    "$bin/synth" label --data "$folder/rows.jsonl" --lfs "$folder/rows.lf" --out "$folder/soft.parquet"
ls -l "$folder/rows.jsonl" "$folder/soft.parquet"
