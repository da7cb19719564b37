#!/usr/bin/env bash
# Classifiers that end in ZipMap, as skl2onnx makes them by default: classes that are strings, and
# numbers named by labels.json. Answers are ONNX Runtime's (fixtures/zipmap, written by
# scripts/fixtures/make_zipmap_fixtures.py).
source "$(dirname "$0")/lib.bash"
fixtures=$source_dir/tests/cli/fixtures/zipmap

runtime=0
"$program" validate "$fixtures/strings" --engine onnxruntime >"$work/out" 2>&1 && runtime=1
[ "$runtime" = 1 ] || echo "no ONNX Runtime: only the native engine is tested"

for name in strings numbers; do
    cp -r "$fixtures/$name" "$work/$name"
    expect 0 'probabilit.*: sequence of maps' validate "$work/$name"
    answers "$work/$name" "$fixtures/$name/answers.ndjson" --config "$fixtures/$name/zero.yaml"
    if [ "$runtime" = 1 ]; then
        answers "$work/$name" "$fixtures/$name/answers.ndjson" --config "$fixtures/$name/zero.yaml" --engine onnxruntime
    fi
done

# Nothing is assumed: the file names its classes. Where they are numbers, labels.json does.
"$program" classify --model "$work/strings" --quiet "$work/strings.ndjson" 2>&1 | grep -q 'alphabetical\|assum' &&
    fail "classes are assumed although the file names them"
echo '["a","b","c","d"]' >"$work/numbers/labels.json"
expect 3 'class label "a" is not a category' classify --model "$work/numbers" "$work/numbers.ndjson"

# convert takes the finished file over, with the vectorizer beside it.
expect 0 'copied: no joblib model' convert --input "$fixtures/numbers" --output "$work/taken"
jq '.absent_terms = "zero"' "$work/taken/manifest.json" >"$work/m" && mv "$work/m" "$work/taken/manifest.json"
answers "$work/taken" "$fixtures/numbers/answers.ndjson"
finish
