#!/usr/bin/env bash
# docs/migration.md, run as it is written: the indented lines are the commands.
source "$(dirname "$0")/../cli/lib.bash"
sample=$source_dir/models/sample
command -v curl >/dev/null || { echo "skipped: curl is not installed" && exit 77; }
service_stop() {
    [ -f "$work/service.pid" ] && kill "$(cat "$work/service.pid")" 2>/dev/null
    rm -rf "$work"
}
trap service_stop EXIT

# What the guide expects to find.
mkdir "$work/bin" && ln -s "$program" "$work/bin/ai-log-filter" && cp -r "$sample" "$work/models"
head -n 200 "$sample/parity.txt" >"$work/recent.log"
jq -R -c '{message: .}' "$work/recent.log" >"$work/recent.ndjson"
"$program" convert --input "$sample" --output "$work/b" >/dev/null || fail "convert"
"$program" classify --model "$work/b" --quiet --format ndjson "$sample/expected.ndjson" >"$work/v" || fail "classify"
jq -r -n --slurpfile d "$sample/expected.ndjson" --slurpfile v "$work/v" \
    '["message", "category"], (range($d | length) | [$d[.].message, $v[.].category]) | @csv' >"$work/labelled.csv"
rm -r "$work/b" "$work/v"

{
    echo "set -e"
    sed -n 's/^    //p' "$source_dir/docs/migration.md"
} >"$work/guide.sh"
[ "$(wc -l <"$work/guide.sh")" -gt 30 ] || fail "no commands found in the guide"
cd "$work" || exit 1
PORT=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])') \
    PATH=$work/bin:$PATH timeout 300 bash guide.sh >"$work/out" 2>"$work/err" || fail "the guide: $(tail -n 5 "$work/err" "$work/out")"
[ "$(wc -l <"$work/verdicts.ndjson")" -eq 200 ] || fail "not one verdict per line: $(head -c 300 "$work/verdicts.ndjson")"
grep -q 'ai_filter_logs_processed_total' "$work/out" || fail "no metrics"
[ "$(readlink "$work/current")" = bundle-1 ] || fail "the guide does not end on the first bundle"
for _ in $(seq 100); do
    kill -0 "$(cat "$work/service.pid")" 2>/dev/null || break
    sleep 0.1
done
kill -0 "$(cat "$work/service.pid")" 2>/dev/null && fail "the service did not end"
finish
