#!/usr/bin/env bash
# Model files that XGBoost writes itself (JSON, UBJSON, binary) in the classifier's slot, and the
# names of their classes; a forest that is boosted once. Answers are the library's own
# (fixtures/classifiers/files and rf, written by scripts/fixtures/make_classifier_bundles.py).
source "$(dirname "$0")/lib.bash"
fixtures=$source_dir/tests/cli/fixtures/classifiers
files=$fixtures/files
order=noise,critical,suspicious,routine
proved='tfidf_xgboost +0 labels differ'

# holds BUNDLE SOURCE...: the manifest names the sources, the classes in their order, and the proof.
holds() {
    local bundle=$1
    shift
    jq -e --arg labels "$order" --arg sources "$*" '
        (.class_labels | join(",")) == $labels and ([.sources[].path] | join(" ")) == $sources and
        .absent_terms == "missing" and .proof.tfidf_xgboost.label_mismatches == 0 and
        .proof.tfidf_xgboost.max_probability_difference < 1e-6' "$bundle/manifest.json" >/dev/null ||
        fail "manifest of $bundle: $(cat "$bundle/manifest.json")"
}

# A folder: joblib vectorizer, model file, labels.json. model.json goes before model.ubj.
expect 0 "$proved" convert --input "$files" --output "$work/folder"
holds "$work/folder" tfidf_xgboost/vectorizer.joblib tfidf_xgboost/model.json labels.json
answers "$work/folder" "$files/answers.ndjson"
expect 0 'ready' validate "$work/folder"
expect 0 'tfidf_xgboost' compare --joblib "$files" --onnx "$work/folder" --iterations 1

# A file: what lies beside it is found; --labels names the classes.
for ending in json ubj bin; do
    expect 0 "$proved" convert --input "$files/tfidf_xgboost/model.$ending" --labels "$order" --output "$work/$ending"
    holds "$work/$ending" "model.$ending" vectorizer.joblib
    answers "$work/$ending" "$files/answers.ndjson"
done
cmp -s "$work/json/xgboost.onnx" "$work/ubj/xgboost.onnx" || fail "JSON and UBJSON of one model differ"
(cd "$files/tfidf_xgboost" && expect 0 "$proved" convert --input model.ubj --labels "$order" --output "$work/here")

# Flat, under names that say nothing, in any format.
for name in xgboost.json xgboost.ubj xgboost.model tfidf_xgboost.bin; do
    mkdir "$work/flat"
    cp "$files/tfidf_xgboost/vectorizer.joblib" "$work/flat/tfidf_vectorizer.joblib"
    cp "$files/tfidf_xgboost/model.ubj" "$work/flat/$name"
    echo '["noise","critical","suspicious","routine"]' >"$work/flat/labels.json"
    expect 0 "$proved" convert --input "$work/flat" --output "$work/out-$name"
    holds "$work/out-$name" tfidf_vectorizer.joblib "$name" labels.json
    rm -r "$work/flat"
done

# Nothing names the classes: four are taken for the categories in alphabetical order, and it says so.
cp -r "$files" "$work/unnamed" && rm "$work/unnamed/labels.json"
expect 0 'Nothing names the classes' convert --input "$work/unnamed" --output "$work/assumed"
jq -e '.class_labels == ["critical","noise","routine","suspicious"]' "$work/assumed/manifest.json" >/dev/null ||
    fail "assumed labels: $(cat "$work/assumed/manifest.json")"
expect 0 '"labels_assumed":true' convert --input "$work/unnamed" --output "$work/assumed2" --json
expect 0 '"labels_assumed":false' convert --input "$files" --output "$work/named" --json

# Names that do not fit.
expect 3 'has 4 classes, but 2 are named' convert --input "$files" --labels critical,noise --output "$work/no"
expect 2 'expected up to 64 names' convert --input "$files" --labels critical,,noise --output "$work/no"
echo '{"classes": [1]}' >"$work/unnamed/labels.json"
expect 3 'labels.json.*class label 0 is missing' convert --input "$work/unnamed" --output "$work/no"
echo '{"classes"' >"$work/unnamed/labels.json"
expect 3 'labels.json.*not JSON' convert --input "$work/unnamed" --output "$work/no"

# Damaged and foreign files.
mkdir -p "$work/bad/tfidf_xgboost"
cp "$files/tfidf_xgboost/vectorizer.joblib" "$work/bad/tfidf_xgboost"
for content in '{"learner":' '{}' 'no model at all' ''; do
    printf '%s' "$content" >"$work/bad/tfidf_xgboost/model.json"
    expect 3 'model.json' convert --input "$work/bad" --output "$work/no"
done
head -c 3000 "$files/tfidf_xgboost/model.bin" >"$work/bad/tfidf_xgboost/model.json"
expect 3 'model.json.*(truncated|damaged)' convert --input "$work/bad" --output "$work/no"
jq '.learner.gradient_booster.name = "gblinear"' "$files/tfidf_xgboost/model.json" >"$work/bad/tfidf_xgboost/model.json"
expect 3 "booster is 'gblinear'" convert --input "$work/bad" --output "$work/no"
rm "$work/bad/tfidf_xgboost/vectorizer.joblib"
expect 3 'no TfidfVectorizer' convert --input "$work/bad/tfidf_xgboost/model.json" --output "$work/no"
expect 3 'not a folder and not a file' convert --input "$work/absent.json" --output "$work/no"
[ -e "$work/no" ] && fail "a refused model left a bundle"

# A joblib file can be named too; a classifier in joblib goes before a model file.
expect 0 "$proved" convert --input "$fixtures/forest/tfidf_xgboost/model.joblib" --output "$work/joblib"
cp -r "$fixtures/rf" "$work/both" && cp "$files/tfidf_xgboost/model.json" "$work/both/tfidf_xgboost/"
expect 0 "$proved" convert --input "$work/both" --output "$work/rf"
holds "$work/rf" tfidf_xgboost/model.joblib labels.json
answers "$work/rf" "$fixtures/rf/answers.ndjson"
finish
