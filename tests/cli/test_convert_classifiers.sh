#!/usr/bin/env bash
# Bundles whose classifier is one of scikit-learn's or LightGBM's: converted with a proof without
# mismatches, and classified as the library itself answered (fixtures/classifiers, written by
# scripts/fixtures/make_classifier_bundles.py).
source "$(dirname "$0")/lib.bash"
fixtures=$source_dir/tests/cli/fixtures/classifiers

for name in forest logistic gradient trees lightgbm steps; do
    expect 0 'tfidf_xgboost +0 labels differ' convert --input "$fixtures/$name" --output "$work/$name"
    jq -e '.proof.tfidf_xgboost.label_mismatches == 0 and .proof.tfidf_xgboost.max_probability_difference < 1e-7 and
           .absent_terms == "zero" and .class_labels == ["critical", "noise", "routine", "suspicious"]' \
        "$work/$name/manifest.json" >/dev/null || fail "manifest of $name: $(cat "$work/$name/manifest.json")"
    expect 0 'ready' validate "$work/$name"
    answers "$work/$name" "$fixtures/$name/answers.ndjson"
done
for name in trees steps; do
    jq -e '.proof.anomaly_detector.label_mismatches == 0' "$work/$name/manifest.json" >/dev/null ||
        fail "$name: no proof of the anomaly detector behind a MinMaxScaler"
done

# The text of the same LightGBM model gives the same bundle: in its place in a folder, and named itself.
text=$fixtures/lightgbm/text
labels=$(jq -r '.classes | join(",")' "$text/labels.json")
expect 0 'tfidf_xgboost +0 labels differ' convert --input "$text" --output "$work/text"
expect 0 'tfidf_xgboost +0 labels differ' convert --input "$text/tfidf_xgboost/model.txt" --labels "$labels" --output "$work/named"
for name in text named; do
    cmp -s "$work/$name/xgboost.onnx" "$work/lightgbm/xgboost.onnx" || fail "$name: the text gives another classifier"
    cmp -s "$work/$name/tfidf_vectorizer.onnx" "$work/lightgbm/tfidf_vectorizer.onnx" || fail "$name: another vectorizer"
done
expect 0 'tfidf_xgboost' compare --joblib "$text" --onnx "$work/text" --iterations 1
mkdir -p "$work/cut/tfidf_xgboost"
cp "$text/tfidf_xgboost/vectorizer.joblib" "$work/cut/tfidf_xgboost"
head -c 3000 "$text/tfidf_xgboost/model.txt" >"$work/cut/tfidf_xgboost/model.txt"
expect 3 'model.txt.*LightGBM model: .*cut off' convert --input "$work/cut" --output "$work/no"

jq -e '.text_steps == "lower strip_accents_unicode pad_words"' "$work/steps/manifest.json" >/dev/null || fail "text_steps"
jq -e 'has("text_steps") | not' "$work/trees/manifest.json" >/dev/null || fail "text_steps of a vectorizer without"

# Without the manifest's word on absent terms the answers must change: it is what makes them right.
# A manifest that does not say means missing.
cp -r "$work/forest" "$work/wrong"
for edit in '.absent_terms = "missing"' 'del(.absent_terms)'; do
    jq "$edit" "$work/forest/manifest.json" >"$work/wrong/manifest.json"
    "$program" classify --model "$work/wrong" --components --quiet "$work/forest.ndjson" >"$work/wrong.out" 2>"$work/err" ||
        fail "classify after $edit: $(head -c 300 "$work/err")"
    jq -c '.components.tfidf_xgboost' "$work/wrong.out" | cmp -s - "$work/forest.found" &&
        fail "absent_terms in the manifest has no effect: $edit"
done
for edit in '.absent_terms = "perhaps"' '.absent_terms = 0'; do
    jq "$edit" "$work/forest/manifest.json" >"$work/wrong/manifest.json"
    expect 3 'absent_terms.*expected zero or missing' classify --model "$work/wrong" "$work/forest.ndjson"
done

# What does not fit the slot is refused by its name.
mkdir -p "$work/svc/tfidf_xgboost"
cp "$fixtures/forest/tfidf_xgboost/model.joblib" "$work/svc/tfidf_vectorizer.joblib"
cp "$source_dir/tests/unit/convert/fixtures/classifiers/sk18-refuse-svc.joblib" "$work/svc/tfidf_xgboost/model.joblib"
expect 3 'LinearSVC is not supported as a classifier; supported are .*LogisticRegression' \
    convert --input "$work/svc" --output "$work/no"
cp "$source_dir/tests/unit/convert/fixtures/classifiers/sk18-refuse-pipeline.joblib" "$work/svc/tfidf_xgboost/model.joblib"
expect 3 'Pipeline whose first step is' convert --input "$work/svc" --output "$work/no"
[ -e "$work/no" ] && fail "a refused model left a bundle"

# So are steps that cannot be converted.
refuse_step() {
    rm -rf "$work/step"
    mkdir -p "$work/step/$2"
    cp "$fixtures/steps/refused-$1.joblib" "$work/step/$2/model.joblib"
    expect 3 "$4" convert --input "$work/step" --output "$work/no" --model "$3"
}
refuse_step function anomaly_detector anomaly 'FunctionTransformer was found; supported scalers are .*Normalizer'
refuse_step scaler anomaly_detector anomaly 'QuantileTransformer was found; supported scalers are'
refuse_step hashing tfidf_xgboost xgboost 'HashingVectorizer was found; supported are .*CountVectorizer'
refuse_step svd tfidf_xgboost xgboost 'TruncatedSVD was found; supported are .*Normalizer'
[ -e "$work/no" ] && fail "a refused step left a bundle"

# docs/support.md holds the program's own tables.
"$program" version --support >"$work/support" || fail "version --support"
sed -n '/^## Estimators/,/^## Where/p' "$source_dir/docs/support.md" | sed '$d' | sed '$d' | cmp -s - "$work/support" ||
    fail "docs/support.md is not what version --support prints"
finish
