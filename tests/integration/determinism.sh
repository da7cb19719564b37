#!/usr/bin/env bash
# The same bytes whatever the batch size, the number of threads and the level of the CPU: classify with
# --components over all logs at hand (the reference logs where they are there), times aside.
# Usage: tests/integration/determinism.sh RELEASE_BUILD_FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
program=$(realpath "$1/ai-log-filter")
reference=../shared/reference
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passes=0
failures=0

cat models/sample/parity.txt examples/logs/* >"$work/logs"
models=(models/sample)
if [ -d "$reference/models/v3" ]; then
    cat "$reference"/logs/loghub/*.log >>"$work/logs"
    models+=("$reference/models/v3")
fi

# digest LEVEL THREADS BATCH BUNDLE
digest() {
    printf 'model: {performance: {batch_size: %s}}\n' "$3" >"$work/config.yaml"
    ALF_CPU=$1 "$program" classify --quiet --components --explain --format text --config "$work/config.yaml" --threads "$2" \
        --model "$4" "$work/logs" | sed -E 's/"processing_time_ms":[0-9.e+-]+//' | sha256sum
}

for folder in "${models[@]}"; do
    rm -rf "$work/bundle"
    "$program" convert --input "$folder" --output "$work/bundle" >/dev/null
    expected=$(digest portable 1 256 "$work/bundle")
    # A level that this machine does not have is one that it has.
    for level in portable avx2 avx512 avx512vbmi neon; do
        for threads in 1 3; do
            for batch in 1 10 257 4096; do
                if [ "$(digest $level $threads $batch "$work/bundle")" = "$expected" ]; then
                    passes=$((passes + 1))
                else
                    failures=$((failures + 1))
                    echo "FAILED: $folder, $level, $threads threads, batches of $batch: other bytes"
                fi
            done
        done
    done
done
echo "determinism over $(wc -l <"$work/logs") logs: $passes passed, $failures failed"
[ "$failures" -eq 0 ]
