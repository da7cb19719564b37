#!/usr/bin/env bash
# shellcheck disable=SC2016 # ${NAME} is for the program
# Configuration: every key and its type, what is unknown, the environment, and the page that
# describes it.
source "$(dirname "$0")/lib.bash"
unset MODEL_PATH MODEL_TYPE ALF_ENGINE ONNX_INTRA_THREADS ONNX_INTER_THREADS ONNX_OPTIMIZATION_LEVEL
"$program" convert --input "$source_dir/models/sample" --output "$work/b" >/dev/null || fail "convert"
printf 'DEBUG heartbeat ok\n' >"$work/log"

# with CODE PATTERN YAML: classify with that configuration.
with() {
    local code=$1 pattern=$2
    printf '%b' "$3" >"$work/c.yaml"
    expect "$code" "$pattern" classify --config "$work/c.yaml" --model "$work/b" "$work/log"
}

# The page is what the program says.
"$program" --configuration >"$work/page" || fail "--configuration"
cmp -s "$work/page" "$source_dir/docs/configuration.md" ||
    fail "docs/configuration.md differs; write it anew with ai-log-filter --configuration"

# yaml KEY VALUE: a.b.c and a value as YAML.
yaml() {
    local rest=$1 indent=
    while [ "$rest" != "${rest#*.}" ]; do
        printf '%s%s:\\n' "$indent" "${rest%%.*}"
        rest=${rest#*.}
        indent="$indent  "
    done
    printf '%s%s: %s\\n' "$indent" "$rest" "$2"
}

# Every key of the page: its default is accepted, another type is refused and the key is named.
keys=0
while IFS='|' read -r _ key values default _; do
    key=$(tr -d ' `' <<<"$key")
    values=$(sed 's/^ *//;s/ *$//' <<<"$values")
    default=$(sed 's/^ *//;s/ *$//' <<<"$default")
    case $key in model.path) default=$work/b ;; esac
    keys=$((keys + 1))
    if [ "$default" != - ] && [ "$values" != "list of words" ]; then
        with 0 noise "$(yaml "$key" "$default")"
    fi
    name=${key//./\\.}
    case $values in
    "list of words")
        with 0 noise "$(yaml "$key" "[$default]")"
        with 2 "c.yaml.*line [0-9]+.*list of words" "$(yaml "$key" word)"
        with 2 "c.yaml.*line [0-9]+.*list of words" "$(yaml "$key" "[[a]]")"
        ;;
    "true, false")
        case $key in
        *.use_onnx) with 2 "$name is false; set model.type: safe_ensemble" "$(yaml "$key" false)" ;;
        *) with 0 noise "$(yaml "$key" false)" ;;
        esac
        with 2 "$name is \"yes\"" "$(yaml "$key" yes)"
        with 2 "$name is \"1\"" "$(yaml "$key" 1)"
        ;;
    number* | whole*)
        for wrong in abc 1x '"1 2"' 1e400 -1 nan inf 99999999 '""' 0x 1.2.3 1,5; do
            with 2 "c.yaml.*$name is" "$(yaml "$key" "$wrong")"
        done
        case $values in whole*) with 2 "whole number" "$(yaml "$key" 1.5)" ;; esac
        ;;
    text)
        with 2 "c.yaml.*single value" "$(yaml "$key" "[a, b]")"
        ;;
    *)
        with 2 "$name is \"wrong\", expected one of" "$(yaml "$key" wrong)"
        with 2 "$name is \"${values%% *}x\"" "$(yaml "$key" "${values%% *}x")"
        ;;
    esac
    with 2 "single value|list of words" "$(yaml "$key" "{a: b}")"
    [ "$values" = "list of words" ] || with 2 "single value" "$(yaml "$key" "[a]")"
    with 2 "unknown key \"${name}x\"" "$(yaml "${key}x" 1)"
    with 2 "single value|list of words" "$(yaml "$key.more" 1)"
done < <(grep '^| `' "$work/page")
[ "$keys" -ge 20 ] || fail "only $keys keys on the page"

# Nesting, duplicates, aliases, documents.
with 0 noise ''
with 0 noise '# nothing\n'
with 0 noise '{}\n'
with 2 'c.yaml.*expected keys' '- a\n'
with 2 'c.yaml.*expected keys' 'text\n'
with 2 'c.yaml.*line 1.*below "model"' 'model: here\n'
with 2 'c.yaml.*below "model.ensemble"' 'model:\n  ensemble: [1]\n'
with 2 'c.yaml.*unknown key "modell"' 'modell:\n  path: a\n'
with 2 'c.yaml.*line 3.*(twice|duplicate)' 'model:\n  path: a\n  path: b\n'
with 2 'c.yaml.*line 3.*(twice|duplicate)' 'model:\n  path: a\nmodel:\n  type: x\n'
with 2 'c.yaml.*line 3.*alias' 'model:\n  path: &a x\n  profile: *a\n'
with 2 'c.yaml.*tag' 'model:\n  path: !!str a\n'
with 2 'c.yaml.*document' '---\nmodel: {}\n---\nmodel: {}\n'
with 2 'c.yaml.*key' '? [a, b]\n: c\n'
with 2 'c.yaml.*line [23]' 'model:\n path: a\n  type: b\n'
with 2 'c.yaml.*line 2' 'model:\n\tpath: a\n'
with 2 'c.yaml.*UTF-8' 'model:\n  path: "\xff\xfe"\n'
with 2 'c.yaml.*NUL' 'model:\n  path: "a\\0b"\n'
with 2 'c.yaml.*nested' "$(printf '[%.0s' {1..40})"
with 2 'weights are all 0' 'model:\n  ensemble:\n    weights: {rule_based: 0, tfidf_xgboost: 0, anomaly_detector: 0}\n'
{ printf 'model:\n'; head -c 2000000 /dev/zero | tr '\0' '#'; } >"$work/c.yaml"
expect 3 'c.yaml.*(larger|more than|limit)' classify --config "$work/c.yaml" --model "$work/b" "$work/log"
expect 3 'absent.yaml' classify --config "$work/absent.yaml" --model "$work/b" "$work/log"
expect 3 "$work" classify --config "$work" --model "$work/b" "$work/log"

# ${A}, ${A:default}, ${A:-default}
export ALF_TEST_A=$work/b ALF_TEST_EMPTY=
unset ALF_TEST_UNSET
# path CODE PATTERN VALUE: the value is model.path, and nothing else names the model.
path() {
    printf 'model:\n  path: %s\n' "$3" >"$work/c.yaml"
    expect "$1" "$2" classify --config "$work/c.yaml" "$work/log"
}
path 0 noise '${ALF_TEST_A}'
path 0 noise '"${ALF_TEST_A}"'
path 0 noise "$work/\${ALF_TEST_UNSET:b}"
path 0 noise "$work/\${ALF_TEST_UNSET:-b}"
path 0 noise "$work/\${ALF_TEST_EMPTY:-b}"
path 0 noise "$work/\${ALF_TEST_EMPTY:}b\${ALF_TEST_EMPTY}"
path 0 noise '${ALF_TEST_A:/nowhere}'
path 0 noise '${ALF_TEST_A:-/nowhere}'
path 3 'nowhere:80/x' '${ALF_TEST_UNSET:-/nowhere:80/x}'
path 2 'c.yaml.*line 2.*ALF_TEST_UNSET is not set' '${ALF_TEST_UNSET}'
path 2 'closing' '${ALF_TEST_A'
path 2 'no usable variable' '"${}"'
path 2 'no usable variable' '"${:-x}"'
path 3 '\$ALF_TEST_A' '$ALF_TEST_A'
printf 'model:\n  path: ${ALF_TEST_A}\n  performance:\n    batch_size: ${ALF_TEST_UNSET:-7x}\n' >"$work/c.yaml"
expect 2 'batch_size is "7x"' classify --config "$work/c.yaml" "$work/log"
ALF_TEST_LONG=$(head -c 5000 /dev/zero | tr '\0' a)
export ALF_TEST_LONG
path 2 'longer than' '${ALF_TEST_LONG}'

# Environment beats file, command line beats both.
printf 'model:\n  path: /nowhere/file\n' >"$work/c.yaml"
expect 3 '/nowhere/file' classify --config "$work/c.yaml" "$work/log"
MODEL_PATH=$work/b expect 0 noise classify --config "$work/c.yaml" "$work/log"
MODEL_PATH=/nowhere/variable expect 3 '/nowhere/variable' classify --config "$work/c.yaml" "$work/log"
MODEL_PATH=/nowhere/variable expect 0 noise classify --config "$work/c.yaml" --model "$work/b" "$work/log"
MODEL_PATH='' expect 3 '/nowhere/file' classify --config "$work/c.yaml" "$work/log"
MODEL_PATH=$work/b expect 0 noise classify "$work/log"
MODEL_TYPE=nonsense expect 2 'MODEL_TYPE.*nonsense' classify --model "$work/b" "$work/log"
ONNX_INTRA_THREADS=2x expect 2 'ONNX_INTRA_THREADS.*2x' classify --model "$work/b" "$work/log"
ONNX_INTER_THREADS=-1 expect 2 'ONNX_INTER_THREADS.*-1' classify --model "$work/b" "$work/log"
ONNX_OPTIMIZATION_LEVEL=most expect 2 'ONNX_OPTIMIZATION_LEVEL.*most' classify --model "$work/b" "$work/log"
ONNX_INTRA_THREADS=2 ONNX_INTER_THREADS=1 ONNX_OPTIMIZATION_LEVEL=basic MODEL_TYPE=onnx_safe_ensemble \
    expect 0 noise classify --model "$work/b" "$work/log"

# Settings that change answers do.
printf 'model:\n  ensemble:\n    weights: {tfidf_xgboost: 0, anomaly_detector: 0}\n' >"$work/c.yaml"
expect 0 '"models_used":\["rule_based"\]' classify --config "$work/c.yaml" --model "$work/b" "$work/log"
printf 'rules:\n  path: %s/r.yaml\n' "$work" >"$work/c.yaml"
printf 'categories:\n  critical:\n    - name: mine\n      pattern: heartbeat\n      confidence: 0.99\n' >"$work/r.yaml"
expect 0 '"category":"critical"' classify --config "$work/c.yaml" --model "$work/b" "$work/log"
printf 'model:\n  onnx_paths: {xgboost: nowhere.onnx}\n' >"$work/c.yaml"
expect 3 'nowhere.onnx' classify --config "$work/c.yaml" --model "$work/b" "$work/log"
finish
