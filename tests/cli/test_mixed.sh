#!/usr/bin/env bash
# Mixed mode: components straight from joblib models, only where the configuration says so.
source "$(dirname "$0")/lib.bash"
unset MODEL_PATH MODEL_TYPE
sample=$source_dir/models/sample
"$program" convert --input "$sample" --output "$work/b" >/dev/null || fail "convert"
head -n 200 "$sample/parity.txt" >"$work/logs"

# answers CONFIG FOLDER OUT: what classify says, without the times.
answers() {
    "$program" classify --config "$1" --model "$2" --components --quiet "$work/logs" 2>"$work/err" |
        sed 's/"processing_time_ms":[^,}]*//' >"$3"
}

# config NAME TYPE TEXT ANOMALY FALLBACK
config() {
    printf 'model:\n  type: %s\n  tfidf_xgboost: {use_onnx: %s}\n  anomaly_detector: {use_onnx: %s}\n  fallback_to_joblib: %s\n' \
        "$2" "$3" "$4" "$5" >"$work/$1.yaml"
}
config onnx onnx_safe_ensemble true true false
config mixed safe_ensemble true true false
config joblib safe_ensemble false false false
config text safe_ensemble false true false
config back safe_ensemble true true true

answers "$work/onnx.yaml" "$work/b" "$work/expected"
[ "$(wc -l <"$work/expected")" -eq 200 ] || fail "not one answer per log: $(cat "$work/err")"

# Everything from joblib: the answers of the ONNX files, to the last digit.
answers "$work/joblib.yaml" "$sample" "$work/found"
cmp -s "$work/expected" "$work/found" || fail "joblib answers differ: $(diff "$work/expected" "$work/found" | head -n 4)$(cat "$work/err")"

# One component each way.
mkdir "$work/half" && cp "$work/b/anomaly_detector.onnx" "$work/b/scaler.onnx" "$work/half/" && cp -r "$sample/tfidf_xgboost" "$work/half/"
answers "$work/text.yaml" "$work/half" "$work/found"
cmp -s "$work/expected" "$work/found" || fail "mixed answers differ: $(cat "$work/err")"

# The fall-back is asked for, and said.
expect 3 'tfidf_xgboost has a joblib model but no ONNX file.*fallback_to_joblib' classify --config "$work/mixed.yaml" --model "$work/half" "$work/logs"
answers "$work/back.yaml" "$work/half" "$work/found"
cmp -s "$work/expected" "$work/found" || fail "fall-back answers differ: $(cat "$work/err")"
grep -q 'no xgboost.onnx; fell back to joblib' "$work/err" || fail "the fall-back is not said: $(cat "$work/err")"
answers "$work/back.yaml" "$work/b" "$work/found"
cmp -s "$work/expected" "$work/found" || fail "answers differ with a fall-back that is not needed"
grep -q 'fell back' "$work/err" && fail "a fall-back was said that is not there"

# ONNX only means ONNX only.
expect 3 'holds joblib models, not ONNX' classify --config "$work/onnx.yaml" --model "$sample" "$work/logs"
config bad onnx_safe_ensemble false true false
expect 2 'model.tfidf_xgboost.use_onnx is false; set model.type: safe_ensemble' classify --config "$work/bad.yaml" --model "$work/b" "$work/logs"
config bad onnx_safe_ensemble true true true
expect 2 'model.fallback_to_joblib is true; set model.type: safe_ensemble' classify --config "$work/bad.yaml" --model "$work/b" "$work/logs"
printf 'model:\n  onnx_paths: {xgboost: %s}\n' "$sample/tfidf_xgboost/model.joblib" >"$work/named.yaml"
expect 2 'is a joblib model, and this key names an ONNX file' classify --config "$work/named.yaml" --model "$work/b" "$work/logs"
MODEL_TYPE=safe_ensemble expect 3 'has a joblib model but no ONNX file' classify --model "$sample" "$work/logs"

# What is asked for must be there and readable.
expect 3 'no joblib|no classifier|not found|No such|no TfidfVectorizer' classify --config "$work/joblib.yaml" --model "$work/b" "$work/logs"
cp -r "$work/half" "$work/broken" && head -c 500 "$sample/tfidf_xgboost/model.joblib" >"$work/broken/tfidf_xgboost/model.joblib"
expect 3 'model.joblib' classify --config "$work/text.yaml" --model "$work/broken" "$work/logs"
expect 3 'model.joblib' classify --config "$work/back.yaml" --model "$work/broken" "$work/logs"

# validate follows the same configuration.
expect 0 'ready for mixed mode' validate --config "$work/joblib.yaml" --deep "$sample"
grep -q 'tfidf_xgboost runs from its joblib model' "$work/out" || fail "validate does not say what runs from joblib"
expect 0 'falls back to its joblib model' validate --config "$work/back.yaml" "$work/half"
expect 1 'fallback_to_joblib' validate --config "$work/mixed.yaml" "$work/half"
finish
