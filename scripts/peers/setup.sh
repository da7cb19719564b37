#!/bin/sh
# Makes a virtual environment with the peer libraries that compare_bundle.py needs.
#
#   setup.sh FOLDER [PYTHON]
#
# FOLDER: where the environment goes; PYTHON: the interpreter (python3). ONNX Runtime, onnx and
# numpy must install; scikit-learn, XGBoost and joblib are taken too where they fit that
# interpreter. SKLEARN, XGBOOST, NUMPY, ONNX and ONNXRUNTIME choose versions, since a joblib file is best read by the
# versions that wrote it; for models/sample, with Python 3.11:
#   NUMPY=numpy==1.24.2 SKLEARN=scikit-learn==1.2.1 XGBOOST=xgboost==1.7.4 setup.sh FOLDER python3.11
# Exit: 0 ready, 77 skipped (no Python, or pip does not reach its index), 2 wrong usage.
set -u

if [ $# -lt 1 ]; then
    echo "usage: setup.sh FOLDER [PYTHON]" >&2
    exit 2
fi
folder=$1
python=${2:-python3}

skip() {
    echo "skipped: $1"
    exit 77
}

command -v "$python" >/dev/null 2>&1 || skip "$python is not installed"
if [ ! -x "$folder/bin/python" ]; then
    "$python" -m venv "$folder" || skip "$python cannot make a virtual environment (python3-venv)"
fi

pip() {
    "$folder/bin/python" -m pip --disable-pip-version-check install --quiet --only-binary :all: \
        --retries 1 --timeout 20 "$@"
}

numpy=${NUMPY:-numpy}
pip "$numpy" "${ONNX:-onnx}" "${ONNXRUNTIME:-onnxruntime}" || skip "pip could not install onnxruntime, onnx and numpy from its index"
for package in "${SKLEARN:-scikit-learn}" "${XGBOOST:-xgboost}" joblib; do
    pip "$numpy" "$package" || echo "without $package: joblib files cannot be read, use --golden"
done

"$folder/bin/python" - <<'END'
import importlib
for name in ("numpy", "onnx", "onnxruntime", "sklearn", "xgboost", "joblib"):
    try:
        print("%-12s %s" % (name, importlib.import_module(name).__version__))
    except ImportError:
        print("%-12s absent" % name)
END
