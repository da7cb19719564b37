#!/usr/bin/env bash
# Runs NAME.py against the program of the build, with Debian's Python.
set -euo pipefail
python=/usr/bin/python3
[ -x "$python" ] || {
    echo "skipped: no $python"
    exit 77
}
"$python" -c 'import jsonschema' 2>/dev/null || {
    echo "skipped: no python3-jsonschema"
    exit 77
}
cd "$(dirname "$0")"
PYTHONDONTWRITEBYTECODE=1 exec "$python" "$1.py"
