# Shared by the command-line tests: a scratch folder, and expectations that say what went wrong.
set -uo pipefail
program=${ALF_BINARY:?}
# shellcheck disable=SC2034 # used by the tests
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

# answers BUNDLE ANSWERS [OPTION...]: every label as the library gave it, every probability within
# 1e-7. Leaves BUNDLE.ndjson (the logs), BUNDLE.out and BUNDLE.found (the text model's part).
answers() {
    local bundle=$1 want=$2 rows wrong
    shift 2
    jq -c '{message}' "$want" >"$bundle.ndjson"
    "$program" classify --model "$bundle" --components --quiet "$@" "$bundle.ndjson" >"$bundle.out" 2>"$work/err" ||
        fail "classify with $bundle: $(head -c 300 "$work/err")"
    jq -c '.components.tfidf_xgboost' "$bundle.out" >"$bundle.found"
    rows=$(wc -l <"$want")
    [ "$(wc -l <"$bundle.found")" -eq "$rows" ] || fail "$bundle: not one answer per log"
    [ "$rows" -ge 20 ] || fail "$bundle: only $rows answers to compare with"
    wrong=$(jq -n --slurpfile want "$want" --slurpfile got "$bundle.found" '
        [range($want | length) | . as $i | select($want[$i].label != $got[$i].label or
         any($want[$i].probabilities | to_entries[];
             (.value - $got[$i].probabilities[.key]) as $d | $d > 1e-7 or $d < -1e-7))] | length')
    [ "$wrong" = 0 ] || fail "$bundle: $wrong of $rows answers differ from the library's"
}

finish() {
    [ "$failures" -eq 0 ] && echo "passed"
    exit $((failures > 0))
}
