# Shared by the command-line tests: a scratch folder, and expectations that say what went wrong.
set -uo pipefail
program=${ALF_BINARY:?}
source_dir=${ALF_SOURCE_DIR:?}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# expect CODE PATTERN ARGUMENT...: the program ends with CODE and its output matches PATTERN.
expect() {
    local code=$1 pattern=$2
    shift 2
    "$program" "$@" >"$work/out" 2>"$work/err" </dev/null
    local got=$?
    [ "$got" -eq "$code" ] || fail "$* ended with $got, expected $code: $(head -c 500 "$work/err")"
    grep -qE -- "$pattern" "$work/out" "$work/err" ||
        fail "$*: nothing matches '$pattern' in: $(cat "$work/out" "$work/err" | head -c 500)"
}

finish() {
    [ "$failures" -eq 0 ] && echo "passed"
    exit $((failures > 0))
}
