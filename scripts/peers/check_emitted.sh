#!/bin/sh
# Holds ONNX Runtime to what the emitters' tests expect: runs them with ALF_EMIT_DIR set, then
# check_onnx.py over what they saved.
#
#     check_emitted.sh BUILD_FOLDER [PYTHON]
#
# Exit status as check_onnx.py: 77 when onnx or onnxruntime is not installed.
set -eu

build=${1:?usage: check_emitted.sh BUILD_FOLDER [PYTHON]}
python=${2:-python3}
here=$(cd "$(dirname "$0")" && pwd)
golden=$here/../../../shared/reference/golden/v3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

export ALF_EMIT_DIR="$folder"
for test in test_emit_forest test_emit_text test_emit_xgboost test_classifiers; do
    "$build/tests/$test" >/dev/null
done
"$python" "$here/check_onnx.py" "$folder"
if "$build/tests/test_emit_v3" >/dev/null; then
    if [ -d "$golden" ]; then
        "$python" "$here/check_onnx.py" "$folder/v3" --golden "$golden"
    else
        "$python" "$here/check_onnx.py" "$folder/v3"
    fi
fi
