#!/usr/bin/env bash
# `make bench`: the program beside ONNX Runtime and the Python ensemble; writes docs/benchmarks.md and
# docs/benchmarks.json. Usage: bench/run.sh RELEASE_BUILD_FOLDER [ROUNDS]
# Sample models are read by Debian's scikit-learn and XGBoost, the reference models by the versions
# that wrote them; what cannot be installed is left out, with the reason.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1/ai-log-filter
rounds=${2:-5}
reference=../shared/reference
work=build/bench
mkdir -p "$work"

ONNX=onnx==1.23.2 ONNXRUNTIME=onnxruntime==1.32.0 NUMPY=numpy SKLEARN=scikit-learn==1.8.0 XGBOOST=xgboost==3.1.3 \
    sh scripts/peers/setup.sh "$work/python" python3 || {
    code=$?
    [ "$code" -eq 77 ] && exit 0
    exit "$code"
}
"$work/python/bin/python" -m pip --disable-pip-version-check install --quiet pyyaml
library=$(find "$PWD/$work/python/lib" -name 'libonnxruntime.so.*' | head -1)
version=$("$work/python/bin/python" -c 'import onnxruntime; print(onnxruntime.__version__)')

cases=(--case "sample,models/sample,/usr/bin/python3")
logs=models/sample/parity.txt
if [ -d "$reference/models/v3" ]; then
    # Real logs of six systems, taken in turns, so that no system comes in one block.
    paste -d '\n' "$reference"/logs/loghub/*.log | tr -d '\r' | grep -v '^$' >"$work/logs"
    logs=$work/logs
    cases+=(--case "v3,$reference/models/v3,$work/python/bin/python,$reference/models/v3/onnx")
else
    echo "skipped: no reference data; the sample models and logs only"
fi
rm -f "$work/million.log"
"$work/python/bin/python" bench/compare.py --program "$program" --onnxruntime "$library" --onnxruntime-version "$version" \
    "${cases[@]}" --logs "$logs" --rules configs/rules.yaml --work "$work" --rounds "$rounds" \
    --markdown docs/benchmarks.md --json docs/benchmarks.json
rm -f "$work/million.log"
bundle=$work/bundle-sample
[ -d "$work/bundle-v3" ] && bundle=$work/bundle-v3
echo >>docs/benchmarks.md
bash bench/serve.sh "$program" "$bundle" "$logs" >>docs/benchmarks.md
sed -n '1,200p' docs/benchmarks.md
