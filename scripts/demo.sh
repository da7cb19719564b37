#!/usr/bin/env bash
# `make run`: converts the sample joblib models, validates the bundle, classifies the sample logs.
# Usage: scripts/demo.sh PROGRAM BUNDLE_FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1
bundle=$2

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n$ %s\n' "$*"; }
show() {
    say "${program##*/} $*"
    "$program" "$@"
}

show convert --input models/sample --output "$bundle" --force
show validate "$bundle"

verdicts=$(mktemp)
trap 'rm -f "$verdicts"' EXIT
say "${program##*/} classify --model $bundle --output VERDICTS examples/logs/*"
"$program" classify --model "$bundle" --output "$verdicts" examples/logs/*

echo
echo "The critical ones, first 10 (category, confidence, what decided, the log):"
"$program" show "$verdicts" 2>/dev/null || true
