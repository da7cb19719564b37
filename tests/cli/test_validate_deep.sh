#!/usr/bin/env bash
# validate --deep: the proof is replayed, and every kind of change to a bundle is noticed.
source "$(dirname "$0")/lib.bash"
sample=$source_dir/models/sample
"$program" convert --input "$sample" --output "$work/b" >/dev/null || fail "convert"

expect 0 'tfidf_xgboost: the parity proof holds' validate --deep "$work/b"
grep -q 'anomaly_detector: the parity proof holds' "$work/out" || fail "the detector's proof is not replayed"
expect 0 'tfidf_xgboost against the joblib model: 0 of 1000 labels differ, largest difference 0' \
    validate --deep "$work/b" --joblib "$sample"
expect 2 'need --deep' validate "$work/b" --joblib "$sample"
expect 1 'absent' validate --deep "$work/b" --joblib "$work/absent"
expect 1 'absent' validate --deep "$work/b" --parity "$work/absent"

# edit NAME FILTER: a copy of the bundle with another manifest.
edit() {
    rm -rf "${work:?}/$1" && cp -r "$work/b" "$work/$1"
    jq "$2" "$work/b/manifest.json" >"$work/$1/manifest.json"
}
zeros=$(printf '0%.0s' {1..64})
edit labels ".proof.tfidf_xgboost.labels_sha256 = \"$zeros\""
expect 1 'tfidf_xgboost gives other labels than when it was converted and proved.*convert' validate --deep "$work/labels"
expect 0 'ready' validate "$work/labels"
edit numbers ".proof.anomaly_detector.numbers_sha256 = \"$zeros\""
expect 1 'anomaly_detector gives other numbers' validate --deep "$work/numbers"
edit short '.proof.tfidf_xgboost.labels_sha256 = "12"'
expect 1 'labels_sha256' validate --deep "$work/short"
edit old 'del(.proof.tfidf_xgboost.labels_sha256)'
expect 1 'cannot be replayed; convert the models again' validate --deep "$work/old"
edit none 'del(.proof)'
expect 0 'no parity proof to replay' validate --deep "$work/none"
edit texts ".proof.texts_sha256 = \"$zeros\""
expect 1 "the manifest's proof was made on 1000 logs, these 1000 are others" validate --deep "$work/texts"
edit source ".sources[0].sha256 = \"$zeros\""
expect 1 'not the file that the bundle was made of' validate --deep "$work/source" --joblib "$sample"
forest=$source_dir/tests/cli/fixtures/classifiers/forest
"$program" convert --input "$forest" --output "$work/f" >/dev/null || fail "convert forest"
expect 0 'the parity proof holds' validate --deep "$work/f" --joblib "$forest"
jq '.absent_terms = "missing"' "$work/f/manifest.json" >"$work/m" && cp "$work/m" "$work/f/manifest.json"
expect 1 'tfidf_xgboost gives other labels' validate --deep "$work/f"
expect 1 'tfidf_xgboost: [0-9]+ of 1000 labels differ from the joblib model' validate --deep "$work/f" --joblib "$forest"
edit labels2 '.class_labels = ["noise", "critical", "routine", "suspicious"]'
expect 0 'ready' validate --deep "$work/labels2"

# A proof on the user's own logs needs these logs.
head -n 50 "$sample/parity.txt" | sed 's/$/ once more/' >"$work/more"
"$program" convert --input "$sample" --output "$work/own" --parity "$work/more" >/dev/null || fail "convert --parity"
expect 0 'the parity proof holds' validate --deep "$work/own" --parity "$work/more"
expect 1 'give the file that --parity of convert named' validate --deep "$work/own"

# A model that is not the one that was proved: another scaler, hashes of the manifest put right.
rm -rf "$work/other" && cp -r "$work/b" "$work/other"
cp "$source_dir/tests/cli/fixtures/classifiers/trees" "$work/trees" -r
"$program" convert --input "$work/trees" --output "$work/t" >/dev/null || fail "convert trees"
cp "$work/t/scaler.onnx" "$work/other/scaler.onnx"
hash=$(sha256sum <"$work/other/scaler.onnx" | cut -d' ' -f1)
jq --arg h "$hash" '(.files[] | select(.path == "scaler.onnx")).sha256 = $h' "$work/b/manifest.json" >"$work/other/manifest.json"
expect 0 'ready' validate "$work/other"
expect 1 'anomaly_detector gives other' validate --deep "$work/other"
expect 1 'anomaly_detector: [0-9]+ of 1000 labels differ from the joblib model' validate --deep "$work/other" --joblib "$sample"
finish
