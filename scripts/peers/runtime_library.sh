#!/bin/sh
# Prints the path of a library of ONNX Runtime: that of the environment which setup.sh made in FOLDER,
# else that of npm's onnxruntime-node, installed beside it in FOLDER-npm.
#
#     runtime_library.sh FOLDER
#
# npm's package is installed without its install scripts, which would download more. ONNXRUNTIME_NODE
# chooses its version. Exit: 0, or 77 where there is neither.
set -u

folder=${1:?usage: runtime_library.sh FOLDER}
library=$(find "$folder"/lib -name 'libonnxruntime.so.*' 2>/dev/null | head -1)
if [ -z "$library" ]; then
    case $(uname -m) in
    x86_64) machine=x64 ;;
    aarch64) machine=arm64 ;;
    *) machine=none ;;
    esac
    modules=$folder-npm/node_modules/onnxruntime-node
    if [ ! -d "$modules" ] && command -v npm >/dev/null 2>&1; then
        npm install --ignore-scripts --no-audit --no-fund --silent --prefix "$folder-npm" \
            "${ONNXRUNTIME_NODE:-onnxruntime-node@1.30.0}" >&2
    fi
    library=$(find "$modules"/bin/napi-v*/linux/$machine -name libonnxruntime.so.1 2>/dev/null | head -1)
fi
if [ -z "$library" ]; then
    echo "skipped: neither PyPI's onnxruntime nor npm's onnxruntime-node can be installed" >&2
    exit 77
fi
(cd "$(dirname "$library")" && printf '%s/%s\n' "$PWD" "$(basename "$library")")
