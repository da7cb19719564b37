#!/usr/bin/env bash
# How many of the logs that a SIEM must get are kept, and how many logs are forwarded, on the hand-labelled
# real logs of the reference data. Prints a table (Markdown). Usage: scripts/measure-labels.sh PROGRAM BUNDLE
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1
bundle=$2
reference=../shared/reference
[ -d "$reference/labels" ] || {
    echo "skipped: no reference data"
    exit 77
}
table=$(mktemp)
trap 'rm -f "$table"' EXIT

for labels in "$reference"/labels/*.txt; do
    name=$(basename "$labels" .txt)
    "$program" classify --model "$bundle" --format text --quiet "$reference/logs/loghub/${name}_2k.log" |
        sed -E 's/^\{"category":"([a-z]+)".*/\1/' | paste - "$labels" | sed "s/^/$name\t/" >>"$table"
done

echo "| system | critical + suspicious logs | kept | all logs forwarded | labelled so |"
echo "|---|---|---|---|---|"
awk -F'\t' '
function urgent(c) { return c == "critical" || c == "suspicious" }
function add(s) { n[s]++; f[s] += urgent($2); u[s] += urgent($3); k[s] += urgent($2) && urgent($3) }
function show(s) { printf "| %s | %d | %.1f %% | %.1f %% | %.1f %% |\n", s, u[s], 100*k[s]/u[s], 100*f[s]/n[s], 100*u[s]/n[s] }
{ if (!($1 in n)) order[++systems] = $1; add($1); add("all") }
END { for (i = 1; i <= systems; i++) show(order[i]); show("all") }' "$table"
