#!/usr/bin/env bash
# `make peers`: ONNX Runtime, scikit-learn and XGBoost judge what the program converts. Skipped with a
# reason where they cannot be installed. Usage: scripts/peers/run.sh RELEASE_BUILD_FOLDER (with tests)
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1
program=$build/ai-log-filter
folder=build/peers
reference=../shared/reference

say() { printf '\n--- %s\n' "$*"; }

# The tests that want a library of ONNX Runtime; PyPI's or npm's.
with_library() {
    local library
    say "ONNX Runtime as an engine, and compare"
    library=$(sh scripts/peers/runtime_library.sh "$folder") || return 0
    echo "with $library"
    ALF_ONNXRUNTIME=$library ctest --test-dir "$build" -R 'test_onnxruntime|test_compare|test_classify_zipmap' --output-on-failure
}

# Versions are named so that a release made today cannot turn the check red; raise them now and then.
ONNX=onnx==1.23.2 ONNXRUNTIME=onnxruntime==1.32.0 NUMPY=numpy==1.24.2 SKLEARN=scikit-learn==1.2.1 XGBOOST=xgboost==1.7.4 \
    sh scripts/peers/setup.sh "$folder" python3 || {
    code=$?
    [ "$code" -eq 77 ] || exit "$code"
    with_library
    exit
}
python=$folder/bin/python

say "the sample models: scikit-learn and XGBoost against the bundle in ONNX Runtime"
"$program" convert --input models/sample --output build/peers-sample --force >/dev/null
"$python" scripts/peers/compare_bundle.py --bundle build/peers-sample --joblib models/sample models/sample/parity.txt
"$python" scripts/peers/compare_bundle.py --bundle build/peers-sample --golden models/sample/expected.ndjson

if [ -d "$reference/models/v3" ]; then
    say "the reference models: recorded answers against the bundle in ONNX Runtime"
    "$program" convert --input "$reference/models/v3" --output build/peers-v3 --force >/dev/null
    "$python" scripts/peers/compare_bundle.py --bundle build/peers-v3 --golden "$reference/golden/v3"
else
    echo "skipped: no reference data"
fi

say "every graph that the emitters' tests make"
sh scripts/peers/check_emitted.sh "$build" "$python"

say "the ONNX project's node tests of onnx 1.22 through the native engine"
data=build/peers-onnx
if [ -d "$data/onnx/backend/test/data/node" ] ||
    { "$python" -m pip --disable-pip-version-check download --quiet --no-deps --only-binary :all: --retries 1 --timeout 20 \
        --dest "$data" onnx==1.22.0 && "$python" -m zipfile -e "$data"/onnx-*.whl "$data"; }; then
    "$python" scripts/peers/conformance.py "$build/tests/test_conformance" "$PWD/$data/onnx/backend/test/data/node" \
        "the 1.22.0 release" --check docs/conformance.md
else
    echo "skipped: onnx 1.22.0 cannot be downloaded"
fi

say "models by chance: the libraries, our engine and ONNX Runtime (docs/fidelity.md)"
rm -f build/peers-random.ndjson
"$python" -W ignore scripts/fidelity/random_models.py run "$program" build/peers-random.ndjson --models 60

with_library
