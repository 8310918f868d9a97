#!/usr/bin/env bash
# Builds all fuzz targets with the stable compiler, whose flags for coverage are those of cargo-fuzz, and runs each for a
# while, beginning with files of the repository. Needs a C++ compiler. What makes one panic is left in the corpus folder.
#   fuzz/run.sh [TARGET …]
#   SECONDS_EACH=60
#   CORPUS=a folder to keep what is found interesting [default: target/fuzz-corpus]
set -euo pipefail
: "${SECONDS_EACH:=60}" "${CORPUS:=$PWD/target/fuzz-corpus}"
cd "$(dirname "$0")"
mkdir -p "$CORPUS"
CORPUS=$(realpath "$CORPUS")
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module"
for flag in level=4 inline-8bit-counters pc-table trace-compares; do
    coverage+=" -Cllvm-args=-sanitizer-coverage-$flag"
done
# With a target named, build scripts are compiled without these flags.
RUSTFLAGS="$coverage --cfg fuzzing -Ccodegen-units=1 -Cdebug-assertions=on -Coverflow-checks=on" cargo build --release -q --target "$host"
programs=$(realpath "${CARGO_TARGET_DIR:-target}/$host/release")

neural=../crates/synth-neural/tests/fixtures
seeds_of() {
    case $1 in
        lf_compile) find .. -name '*.lf' -not -path '*/target/*' ;;
        sentence_piece) find "$neural" -name '*.spm' ;;
        weights) find "$neural/pickles" "$neural/marian" -name '*.bin' ;;
    esac
}
failed=0
if [ $# -eq 0 ]; then
    set -- $(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | grep -v '^synth-fuzz$')
fi
for target in "$@"; do
    corpus=$CORPUS/$target
    mkdir -p "$corpus"
    seeds_of "$target" | while read -r seed; do cp "$seed" "$corpus/$(sha1sum < "$seed" | cut -c 1-40)"; done
    # Records begin with a byte that chooses their format.
    if [ "$target" = records ]; then
        { printf '\0'; head -c 3000 ../crates/synth-cli/demo/tickets.jsonl; } > "$corpus/jsonl"
        printf '\1id,text\n1,"so good"\n2,bad\n' > "$corpus/csv"
    fi
    if [ "$target" = npy ]; then
        { printf '\x93NUMPY\x01\0\x76\0'; printf '%-117s\n' "{'descr': '|i1', 'fortran_order': False, 'shape': (2, 2), }"
            printf '\0\1\2\xff'; } > "$corpus/votes"
    fi
    log=$corpus.log
    if "$programs/$target" -max_total_time="$SECONDS_EACH" -rss_limit_mb=4000 -artifact_prefix="$CORPUS/$target-" "$corpus" > "$log" 2>&1; then
        echo "$target: $(grep -h '^Done' "$log")"
    else
        echo "$target: FAILED, see $log"
        failed=1
    fi
done
exit $failed
