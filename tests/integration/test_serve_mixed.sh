#!/usr/bin/env bash
# A service in mixed mode says what runs from joblib, and which of that is a fall-back.
source "$(dirname "$0")/../cli/lib.bash"
command -v curl >/dev/null || { echo "skipped: curl is not installed" && exit 77; }
sample=$source_dir/models/sample
service=
stop() {
    if [ -n "$service" ]; then
        kill "$service" 2>/dev/null
        wait "$service" 2>/dev/null
    fi
    rm -rf "$work"
}
trap stop EXIT

"$program" convert --input "$sample" --output "$work/b" >/dev/null || fail "convert"
mkdir "$work/half" && cp "$work/b/anomaly_detector.onnx" "$work/b/scaler.onnx" "$work/half/" && cp -r "$sample/tfidf_xgboost" "$work/half/"
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'model:\n  type: safe_ensemble\n  path: %s\n  fallback_to_joblib: true\nserver:\n  listen: 127.0.0.1:%s\n' "$work/half" "$port" >"$work/config.yaml"
"$program" serve --config "$work/config.yaml" 2>"$work/log" &
service=$!
for _ in $(seq 100); do
    "$program" healthcheck --config "$work/config.yaml" >/dev/null 2>&1 && break
    sleep 0.1
done

get() { curl -s --max-time 10 "http://127.0.0.1:$port$1"; }
curl -s --max-time 10 -o /dev/null -d '{"message":"Failed password for root"}' "http://127.0.0.1:$port/classify"
get /health | jq -e '.status == "degraded" and .models.tfidf_xgboost.model_format == "joblib" and .models.tfidf_xgboost.fell_back and
    .models.anomaly_detector.model_format == "onnx" and (.models.anomaly_detector.fell_back | not) and
    any(.components[]; .name == "tfidf_xgboost" and .status == "degraded" and (.detail | test("no ONNX file")))' >/dev/null ||
    fail "health: $(get /health)"
get /models | jq -e '.models.tfidf_xgboost.fell_back and (.models.tfidf_xgboost | has("size_kb") | not) and .models.anomaly_detector.size_kb > 0' >/dev/null ||
    fail "models: $(get /models)"
get /metrics >"$work/metrics"
for line in 'ai_filter_onnx_model_loaded{model="tfidf_xgboost"} 0' 'ai_filter_onnx_model_loaded{model="anomaly_detector"} 1' \
    'ai_filter_joblib_model_loaded{model="tfidf_xgboost"} 1' 'ai_filter_joblib_model_loaded{model="anomaly_detector"} 0' \
    'ai_filter_model_fell_back{model="tfidf_xgboost"} 1' 'ai_filter_model_fell_back{model="anomaly_detector"} 0' \
    'ai_filter_inference_time_ms_count{engine="joblib"} 1' 'ai_filter_inference_time_ms_count{engine="onnx"} 0'; do
    grep -qF "$line" "$work/metrics" || fail "metrics lack: $line"
done
finish
