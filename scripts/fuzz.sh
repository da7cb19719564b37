#!/usr/bin/env bash
# Runs every fuzz target (or those named) for a while, starting from its corpus, and keeps what it
# learns there after minimising. A finding is left in build/fuzz/found and fails the run.
# Usage: scripts/fuzz.sh SECONDS [--keep] [TARGET ...]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?usage: scripts/fuzz.sh SECONDS [--keep] [TARGET ...]}
shift
keep=no
if [ "${1:-}" = --keep ]; then
    keep=yes
    shift
fi

make --no-print-directory fuzz-build >build-fuzz.log 2>&1 || {
    tail -50 build-fuzz.log
    rm -f build-fuzz.log
    exit 1
}
rm -f build-fuzz.log
mkdir -p build/fuzz/found build/fuzz/learned

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for file in tests/fuzz/fuzz_*.c; do targets+=("$(basename "$file" .c)"); done
fi

fuzz_one() {
    local name=$1 corpus=tests/fuzz/corpus/$1 work=build/fuzz/learned/$1 log=build/fuzz/learned/$1.log
    local dictionary=()
    mkdir -p "$work"
    [ -f "tests/fuzz/$name.dict" ] && dictionary=("-dict=tests/fuzz/$name.dict")
    if ! "build/fuzz/tests/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=512 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/found/$name-" "${dictionary[@]}" \
        "$work" "$corpus" >"$log" 2>&1; then
        echo "$name: FOUND SOMETHING, see build/fuzz/found and $log"
        grep -E 'ERROR|SUMMARY|Assertion|runtime error' "$log" | head -5
        return 1
    fi
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs in ${seconds} s, nothing found"
}
export -f fuzz_one
export seconds

failed=0
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {}' || failed=1

if [ "$keep" = yes ]; then
    for name in "${targets[@]}"; do
        merged=$(mktemp -d)
        "build/fuzz/tests/$name" -merge=1 -max_len=4096 "$merged" "tests/fuzz/corpus/$name" \
            "build/fuzz/learned/$name" >/dev/null 2>&1 || true
        # A corpus is kept small: the smallest inputs first, up to 300 of them.
        find "$merged" -type f -size -8k -printf '%s %p\n' | sort -n | head -300 | cut -d' ' -f2- |
            xargs -r -I{} cp -n {} "tests/fuzz/corpus/$name/"
        rm -rf "$merged"
    done
fi
exit "$failed"
