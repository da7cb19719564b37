#!/usr/bin/env bash
# shadow: the figures are those that classify's verdicts give; targets decide the exit code.
source "$(dirname "$0")/lib.bash"
sample=$source_dir/models/sample
"$program" convert --input "$sample" --output "$work/b" >/dev/null || fail "convert"
model=(--model "$work/b")

# 300 logs from all parts of the file, with labels in turns, so that many verdicts are wrong.
awk 'NR % 10 < 3' "$sample/parity.txt" >"$work/logs"
jq -R -c '{message: ., category: (["critical", "suspicious", "routine", "noise"][input_line_number % 4])}' "$work/logs" >"$work/data.ndjson"
jq -r '[.message, .category] | @csv' "$work/data.ndjson" | { echo message,category && cat; } >"$work/data.csv"
"$program" classify "${model[@]}" --quiet --format ndjson "$work/data.ndjson" >"$work/verdicts" || fail "classify"

# Computed apart from the program, by jq.
jq -n --slurpfile want "$work/data.ndjson" --slurpfile got "$work/verdicts" '
    [range($want | length) | {l: $want[.].category, c: $got[.].category}] as $all
    | ($all | map(select(.l == "critical"))) as $critical
    | {logs: ($all | length), right: ($all | map(select(.l == .c)) | length),
       critical: ($critical | length), hits: ($critical | map(select(.c == "critical")) | length),
       cell: ($all | map(select(.l == "noise" and .c == "routine")) | length),
       forwarded: ($all | map(select(.l == "routine" and (.c == "critical" or .c == "suspicious"))) | length),
       routine: ($all | map(select(.l == "routine")) | length),
       noise: ($all | map(select(.c == "noise")) | length),
       noise_right: ($all | map(select(.l == "noise" and .c == "noise")) | length)}' >"$work/want"
for data in data.ndjson data.csv; do
    expect 1 '"passed":false' shadow "${model[@]}" --data "$work/$data" --json --misses 1000
    jq -e --slurpfile w "$work/want" '$w[0] as $w | def near($a): (. - $a) | . < 1e-12 and . > -1e-12;
        .logs == $w.logs and (.accuracy | near($w.right / $w.logs)) and (.critical_recall | near($w.hits / $w.critical)) and
        .false_negatives == $w.critical - $w.hits and
        (.false_negatives_per_1000 | near(1000 * ($w.critical - $w.hits) / $w.logs)) and
        .confusion_matrix.noise.routine == $w.cell and .categories.routine.logs == $w.routine and
        (.categories.routine.forwarded | near($w.forwarded / $w.routine)) and
        (.categories.noise.precision | near($w.noise_right / $w.noise)) and
        .critical_recall_interval[0] < .critical_recall and .critical_recall < .critical_recall_interval[1] and
        (.misses | length) == .false_negatives and all(.misses[]; .record % 4 == 0 and .category != "critical")' \
        "$work/out" >/dev/null || fail "$data: $(head -c 600 "$work/out") expected $(cat "$work/want")"
done
expect 1 '✗ critical recall [0-9.]+ % \(target 99.500 %\)' shadow "${model[@]}" --data "$work/data.csv"
grep -q 'Critical logs missed (10 of' "$work/out" || fail "the misses are not listed"

# Either target alone decides.
expect 0 '✓ critical recall' shadow "${model[@]}" --data "$work/data.csv" --target-recall 0 --max-fn-per-1000 1000
expect 1 '✓ critical recall' shadow "${model[@]}" --data "$work/data.csv" --target-recall 0 --max-fn-per-1000 0.5
expect 1 '✗ critical recall' shadow "${model[@]}" --data "$work/data.csv" --target-recall 1 --max-fn-per-1000 1000

# Right verdicts pass with the default targets; labels in any case, another column, standard input.
jq -c -n --slurpfile d "$work/data.ndjson" --slurpfile got "$work/verdicts" \
    'range($d | length) | {message: $d[.].message, Severity: ($got[.].category | ascii_upcase)}' >"$work/right.ndjson"
"$program" shadow "${model[@]}" --data - --label severity --json <"$work/right.ndjson" >"$work/out" 2>"$work/err" ||
    fail "right labels: $(cat "$work/err" "$work/out" | head -c 400)"
jq -e '.passed and .accuracy == 1 and .false_negatives == 0 and .misses == []' "$work/out" >/dev/null || fail "right labels: $(cat "$work/out")"
{ cat "$work/right.ndjson" && echo && echo; } >"$work/blank.ndjson"
expect 0 'on 300 labelled logs' shadow "${model[@]}" --data "$work/blank.ndjson" --label Severity

# Refusals.
expect 2 '\-\-data is required' shadow "${model[@]}"
expect 2 'no model' shadow --data "$work/data.csv"
for wrong in 1.5 -1 x 0.9x ''; do expect 2 'expected 0 to 1$' shadow "${model[@]}" --data "$work/data.csv" --target-recall "$wrong"; done
expect 2 'expected 0 to 1000$' shadow "${model[@]}" --data "$work/data.csv" --max-fn-per-1000 1001
expect 3 'absent' shadow "${model[@]}" --data "$work/absent"
expect 3 'record 1 has no "category" and no "label"' shadow "${model[@]}" --data "$work/logs"
expect 3 'record 1 has no "severity"' shadow "${model[@]}" --data "$work/data.csv" --label severity
printf '{"message":"a","category":"critical"}\n{"message":"b","category":"urgent"}\n' >"$work/unknown"
expect 3 'record 2 is labelled "urgent", expected critical' shadow "${model[@]}" --data "$work/unknown"
printf '{"message":"a","category":"noise"}\n' >"$work/none"
expect 3 'none labelled critical' shadow "${model[@]}" --data "$work/none"
: >"$work/empty"
expect 3 '0 records' shadow "${model[@]}" --data "$work/empty"
finish
