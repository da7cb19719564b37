#!/usr/bin/env bash
# compare: what it shows, what it refuses, and that it notices models that do not belong together.
source "$(dirname "$0")/lib.bash"
sample=$source_dir/models/sample
head -n 100 "$sample/parity.txt" >"$work/logs"
"$program" convert --input "$sample" --output "$work/b" >/dev/null || fail "convert"
runtime=${ALF_ONNXRUNTIME:-}

# Without ONNX Runtime: an empty name would let the loader look for it.
export ALF_ONNXRUNTIME=$work/absent.so
expect 2 '--joblib and --onnx are required' compare
expect 2 '--joblib and --onnx are required' compare --joblib "$sample"
expect 0 'Usage: ai-log-filter compare' compare --help
for n in 0 x 1001 1x -1; do expect 2 'expected 1 to 1000' compare --joblib a --onnx b --iterations "$n"; done
expect 3 'absent' compare --joblib "$work/absent" --onnx "$work/b"
expect 3 'absent' compare --joblib "$sample" --onnx "$work/absent"
expect 3 'absent' compare --joblib "$sample" --onnx "$work/b" --input "$work/absent"
: >"$work/none"
expect 3 'holds no logs' compare --joblib "$sample" --onnx "$work/b" --input "$work/none"
expect 3 'not ONNX Runtime|cannot load' compare --joblib "$sample" --onnx "$work/b" --onnxruntime "$work/logs"

one=(compare --joblib "$sample" --onnx "$work/b" --iterations 1)
expect 0 'ONNX, native +0 +0 +[0-9.]+ +[0-9.]+x' "${one[@]}" --input "$work/logs"
for words in 'on 100 logs, median of 1 runs' '^tfidf_xgboost' '^anomaly_detector' 'Match: every label is the same' \
    'Without ONNX Runtime: .*absent.so'; do
    grep -qE "$words" "$work/out" || fail "the report lacks '$words'"
done
expect 0 '"match":true' "${one[@]}" --input "$work/logs" --json
jq -e '.match and .speedup > 0 and .logs == 100 and .iterations == 1 and .onnxruntime == null and
       (.components | keys == ["anomaly_detector", "tfidf_xgboost"]) and
       (.components[] | .match and .label_mismatches == 0 and .largest_difference == 0 and .onnx_ms > 0 and
        .joblib_ms > 0 and .speedup > 0 and .mismatches == [])' "$work/out" >/dev/null || fail "--json: $(cat "$work/out")"
expect 0 'on 1000 logs' "${one[@]}"
printf 'one log\n\xff\xfe broken \x00 bytes\n\n' >"$work/odd"
expect 0 'Match' "${one[@]}" --input "$work/odd"

# One component only, then none in common.
"$program" convert --input "$sample" --output "$work/a" --model anomaly >/dev/null || fail "convert --model"
expect 0 'not in both folders' compare --joblib "$sample" --onnx "$work/a" --iterations 1 --input "$work/logs"
mkdir -p "$work/j/tfidf_xgboost" && cp "$sample/tfidf_xgboost/model.joblib" "$work/j/tfidf_xgboost"
expect 3 'nothing to compare' compare --joblib "$work/j" --onnx "$work/a" --input "$work/logs"

# A vectorizer that finds other words than the joblib one: its pattern changed in place.
cp -r "$work/b" "$work/other"
LC_ALL=C sed 's/\\p{L}\\p{N}/\\p{N}\\p{N}/' "$work/b/tfidf_vectorizer.onnx" >"$work/other/tfidf_vectorizer.onnx"
cmp -s "$work/b/tfidf_vectorizer.onnx" "$work/other/tfidf_vectorizer.onnx" && fail "the pattern was not found"
expect 1 'MISMATCH' compare --joblib "$sample" --onnx "$work/other" --iterations 1 --input "$work/logs"
grep -qE 'log [0-9]+: joblib says [a-z]+, ONNX says [a-z]+: ' "$work/out" || fail "no mismatching log is shown"
expect 1 '"match":false' compare --joblib "$sample" --onnx "$work/other" --iterations 1 --input "$work/logs" --json
jq -e '(.components.anomaly_detector | .match) and
       (.components.tfidf_xgboost | (.match | not) and .label_mismatches > 0 and .largest_difference > 0 and
        (.mismatches[0] | .log > 0 and .joblib != .onnx and (.text | length) > 0))' "$work/out" >/dev/null ||
    fail "--json of a mismatch: $(head -c 600 "$work/out")"

# With ONNX Runtime, where there is one.
if [ -n "$runtime" ]; then
    export ALF_ONNXRUNTIME=$runtime
    expect 0 'ONNX Runtime [0-9.]+ +0 ' "${one[@]}" --input "$work/logs"
    expect 0 '"match":true' "${one[@]}" --input "$work/logs" --json
    jq -e '(.onnxruntime | startswith("1.")) and
           (.components[].onnxruntime | .match and .label_mismatches == 0 and .near_ties >= 0 and .onnx_ms > 0)' \
        "$work/out" >/dev/null || fail "--json with ONNX Runtime: $(cat "$work/out")"
    expect 0 'ONNX Runtime 1[0-9.]+ can run it' validate --engine onnxruntime "$work/b"
    expect 0 'the native engine can run it' validate --engine auto "$work/b"
    "$program" classify --quiet --components --model "$work/b" "$work/logs" | jq -c '[.category, .components.anomaly_detector.label]' >"$work/native"
    "$program" classify --quiet --components --engine onnxruntime --model "$work/b" "$work/logs" |
        jq -c '[.category, .components.anomaly_detector.label]' | cmp -s - "$work/native" || fail "ONNX Runtime gives other verdicts"
    printf 'model:\n  engine: onnxruntime\nonnx_runtime:\n  providers: [CUDAExecutionProvider, CPUExecutionProvider]\n  optimization_level: basic\n  intra_op_num_threads: 2\n  enable_mem_pattern: false\n' >"$work/c.yaml"
    expect 0 'critical|noise|routine|suspicious' classify --config "$work/c.yaml" --model "$work/b" "$work/logs"
    [ "$(grep -c 'CUDAExecutionProvider' "$work/err")" -le 1 ] || fail "the warning is repeated"
fi
export ALF_ONNXRUNTIME=$work/absent.so
expect 3 'absent.so' classify --engine onnxruntime --model "$work/b" "$work/logs"
expect 0 '"category"' classify --engine auto --model "$work/b" "$work/logs"
expect 2 'expected native, onnxruntime or auto' classify --engine gpu --model "$work/b" "$work/logs"
expect 2 'expected native, onnxruntime or auto' validate --engine gpu "$work/b"
ALF_ENGINE=gpu expect 2 'ALF_ENGINE' classify --model "$work/b" "$work/logs"
expect 1 'absent.so' validate --engine onnxruntime "$work/b"
finish
