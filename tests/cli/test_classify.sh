#!/usr/bin/env bash
# classify: one object per log whatever the log, formats, options, failures.
source "$(dirname "$0")/lib.bash"
"$program" convert --input "$source_dir/models/sample" --output "$work/b" >/dev/null || fail "convert"

# count FILE EXPECTED [ARGUMENT...]: verdicts equal logs, and each is a whole JSON object.
count() {
    local file=$1 expected=$2
    shift 2
    "$program" classify --model "$work/b" --quiet "$@" "$file" >"$work/out" 2>"$work/err" || fail "classify $file: $(head -c 300 "$work/err")"
    local got
    got=$(jq -c '.category' "$work/out" | wc -l)
    [ "$got" -eq "$expected" ] || fail "$file gave $got verdicts, expected $expected"
}

# What only other commands need is not loaded at every start.
if LD_TRACE_LOADED_OBJECTS=1 "$program" | grep -E "lib(crypto|ssl|event_openssl|lzma|lz4|bz2|yaml)"; then
    fail "the program is linked with a library that classify does not need"
fi

printf 'a\n\n\r\nb\r\nlast without end' >"$work/lines"
count "$work/lines" 5
: >"$work/none"
count "$work/none" 0
printf 'nul \0 inside\nbad \xff\xfe\xc3( bytes\n\xed\xa0\x80 surrogate\n' >"$work/bytes"
count "$work/bytes" 3
{ head -c 1000000 /dev/zero | tr '\0' 'a'; echo; head -c 1000000 /dev/urandom | tr -d '\n'; echo; echo end; } >"$work/long"
count "$work/long" 3
printf '{"message":"Failed password for root","host":"h1","n":1.50}\nnot json\n{"broken": \n{"message":""}\n' >"$work/x.ndjson"
count "$work/x.ndjson" 4
[ "$(jq -r 'select(.log) | .log.host' "$work/out" | head -1)" = h1 ] || fail "the log's own fields are missing"
count "$work/x.ndjson" 4 --format text
printf 'timestamp,message,source\n1,"hello, ""world""\nsecond line",s\n2,ok,s\n' >"$work/x.csv"
count "$work/x.csv" 2
count "$work/x.csv" 4 --format text
printf 'CEF:0|v|p|1|100|worm stopped|10|src=192.0.2.1 msg=x\nLEEF:1.0|v|p|1|1|src=192.0.2.1\n<34>1 2003-10-11T22:14:15.003Z h a - - - su root failed\n' >"$work/mixed"
count "$work/mixed" 3

# Every example, and the contract of one object.
for file in "$source_dir"/examples/logs/*; do
    "$program" classify --model "$work/b" --components "$file" >"$work/out" 2>"$work/err" || fail "classify $file"
    jq -e '(.category | IN("critical","suspicious","routine","noise")) and (.confidence >= 0 and .confidence <= 1) and
           (.probabilities | keys == ["critical","noise","routine","suspicious"]) and (.model | type == "string") and
           (.explanation | type == "object") and (.models_used | type == "array") and (.compliance_bypassed | type == "boolean") and
           (.fail_open_used == false) and (.processing_time_ms >= 0) and (.components.rule_based | has("matched_rule"))' \
        "$work/out" >"$work/checks" || fail "$file: a verdict breaks the contract"
    grep -q 'logs per second' "$work/err" || fail "$file: no summary"
done

# A clear attack is critical, chatter is not forwarded, in any company and any batch.
printf 'ransomware detected: files encrypted on srv1 by process locker.exe\nDEBUG heartbeat ok\n' >"$work/two"
count "$work/two" 2
[ "$(jq -r .category "$work/out" | tr '\n' ' ')" = "critical noise " ] || fail "verdicts: $(jq -c '[.category,.model]' "$work/out")"

# The same verdicts from standard input, from a file, one by one and in other batches.
strip='del(.processing_time_ms)'
cat "$source_dir"/examples/logs/*.log >"$work/all.log"
count "$work/all.log" "$(wc -l <"$work/all.log")" --components --explain
jq -c "$strip" "$work/out" >"$work/whole"
"$program" classify --model "$work/b" --quiet --components --explain - <"$work/all.log" | jq -c "$strip" | cmp -s - "$work/whole" || fail "stdin differs"
for size in 1 7 1000; do
    printf 'model:\n  performance:\n    batch_size: %s\n' $size >"$work/config.yaml"
    "$program" classify --config "$work/config.yaml" --model "$work/b" --quiet --components --explain "$work/all.log" | jq -c "$strip" | cmp -s - "$work/whole" || fail "batch size $size differs"
done

# Options, files and failures.
expect 0 'critical +[0-9.]+ ' classify --model "$work/b" --text "$work/two"
expect 0 'forwarded to the SIEM' classify --model "$work/b" --output "$work/o" "$work/two"
[ "$(wc -l <"$work/o")" -eq 2 ] || fail "--output"
MODEL_PATH=$work/b expect 0 'noise' classify "$work/two"
expect 2 'no model' classify "$work/two"
expect 3 'not a folder' classify --model "$work/absent" "$work/two"
expect 3 'convert' classify --model "$source_dir/models/sample" "$work/two"
expect 3 'absent.log' classify --model "$work/b" "$work/absent.log" "$work/two"
[ "$(wc -l <"$work/out")" -eq 2 ] || fail "a missing file stopped the others"
cp "$work/two" "$work/same" && ln "$work/same" "$work/link"
expect 2 'would be overwritten' classify --model "$work/b" --output "$work/same" "$work/two" "$work/same"
expect 2 'would be overwritten' classify --model "$work/b" --output "$work/link" "$work/same"
"$program" classify --model "$work/b" --output "$work/same" - <"$work/same" >"$work/out" 2>&1
[ $? -eq 2 ] || fail "--output on the file behind standard input"
cmp -s "$work/two" "$work/same" || fail "an input was overwritten"
expect 2 'expected auto, text' classify --model "$work/b" --format xml "$work/two"
expect 3 'cannot create' classify --model "$work/b" --output /nonexistent/o "$work/two"
if [ -e /dev/full ]; then
    expect 4 'cannot write' classify --model "$work/b" --output /dev/full "$work/all.log"
fi
printf 'model:\n  pth: x\n' >"$work/c.yaml"
expect 2 'c.yaml.*(line 2|2).*pth|pth.*line 2' classify --config "$work/c.yaml" --model "$work/b"
printf 'model:\n  performance:\n    batch_size: 12x\n' >"$work/c.yaml"
expect 2 'batch_size.*12x' classify --config "$work/c.yaml" --model "$work/b"
printf 'model:\n  path: ${ALF_TEST_UNSET}\n' >"$work/c.yaml"
expect 2 'ALF_TEST_UNSET is not set' classify --config "$work/c.yaml"
printf 'model:\n  path: ${ALF_TEST_UNSET:-%s}\n  type: onnx_safe_ensemble\n' "$work/b" >"$work/c.yaml"
expect 0 'noise' classify --config "$work/c.yaml" "$work/two"
printf 'categories:\n  critical:\n    - name: r\n      pattern: "(unclosed"\n      confidence: 0.9\n' >"$work/r.yaml"
expect 2 'r.yaml' classify --model "$work/b" --rules "$work/r.yaml" "$work/two"
finish
