#!/usr/bin/env bash
# `make run`: converts the sample joblib models, validates the bundle, classifies the sample logs.
# Usage: scripts/demo.sh PROGRAM BUNDLE_FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1
bundle=$2

say() { printf '\n$ %s\n' "$*"; }

say "ai-log-filter convert --input models/sample --output $bundle --force"
"$program" convert --input models/sample --output "$bundle" --force

say "ai-log-filter validate $bundle"
"$program" validate "$bundle"

say "ai-log-filter classify --model $bundle --components examples/logs/cloud.ndjson | head -n 2"
"$program" classify --model "$bundle" --components --quiet examples/logs/cloud.ndjson >"$bundle.ndjson"
head -n 2 "$bundle.ndjson"

say "ai-log-filter classify --model $bundle --text examples/logs/* | grep -E '^(critical|suspicious)'"
verdicts=$(mktemp)
summary=$(mktemp)
trap 'rm -f "$verdicts" "$summary"' EXIT
"$program" classify --model "$bundle" --text --output "$verdicts" examples/logs/* 2>"$summary"
grep -E '^(critical|suspicious)' "$verdicts" | cut -c1-180
cat "$summary"
