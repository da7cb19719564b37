#!/usr/bin/env bash
# Guards the hot path: counts the instructions that a log costs, under callgrind, and fails when there are
# more than 5 % more than bench/instructions.txt says. Instructions, unlike times, do not depend on how busy
# the machine is. Usage: bench/instructions.sh PROGRAM [--update]
# Each count is the difference between a long and a short run, so that starting does not count; starting is a
# case of its own. The level of the CPU is held at AVX2, which is what valgrind offers.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "$1")
update=${2:-}
baseline=bench/instructions.txt
[ "$(uname -m)" = x86_64 ] && grep -qw avx2 /proc/cpuinfo || { echo "skipped: the figures are for x86-64 with AVX2" && exit 0; }
command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed" && exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# instructions ARGUMENT...: of one run of the program.
instructions() {
    ALF_CPU=avx2 LC_ALL=C valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$@" 2>"$work/valgrind" >/dev/null ||
        { cat "$work/valgrind" >&2 && exit 1; }
    sed -nE 's/^==[0-9]+== Collected *: ([0-9]+)$/\1/p' "$work/valgrind"
}

"$program" convert --input models/sample --output "$work/bundle" >/dev/null
head -n 100 models/sample/parity.txt >"$work/short"
cat models/sample/parity.txt models/sample/parity.txt >"$work/long"
sed 's/$/ once more/' models/sample/parity.txt >>"$work/long"
logs=$(($(wc -l <"$work/long") - $(wc -l <"$work/short")))
classify() { instructions classify --quiet --format text --threads 1 --model "$work/bundle" "$@"; }

short=$(classify "$work/short")
long=$(classify "$work/long")
{
    echo "start_and_100_logs $short"
    echo "classify_one_log $(((long - short) / logs))"
} >"$work/found"

if [ "$update" = --update ]; then
    cp "$work/found" "$baseline"
    cat "$baseline"
    exit 0
fi
failed=0
while read -r name expected; do
    found=$(sed -n "s/^$name //p" "$work/found")
    if [ "$((found * 100))" -gt "$((expected * 105))" ]; then
        failed=1
        echo "FAILED: $name takes $found instructions, $baseline says $expected: more than 5 % more"
    else
        echo "$name: $found instructions ($expected in $baseline)"
    fi
done <"$baseline"
[ "$failed" -eq 0 ] || echo "If that is worth it, run bench/instructions.sh PROGRAM --update and say why in the commit."
exit "$failed"
