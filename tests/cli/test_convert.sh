#!/usr/bin/env bash
# convert and validate: what they make, what they refuse, and what they leave behind.
source "$(dirname "$0")/lib.bash"
sample=$source_dir/models/sample

expect 0 'Commands:' --help
expect 2 'Usage' 
expect 2 'unknown command' nonsense
expect 0 'ai-log-filter [0-9]' version
expect 0 'ai-log-filter [0-9]' --version
expect 0 '^.TH AI' --manual
for command in convert validate classify version; do expect 0 'Usage: ai-log-filter' $command --help; done
expect 2 '--input and --output are required' convert
expect 2 'unknown option --wrong' convert --wrong
expect 2 'needs a value' convert --input
expect 2 'given twice' convert --input a --input b --output c
expect 2 'expected pipeline or serving' convert --input a --output b --profile x
expect 2 'expected anomaly or xgboost' convert --input "$sample" --output "$work/x" --model wrong
expect 3 'not a folder' convert --input "$work/absent" --output "$work/x"
mkdir "$work/empty"
expect 3 'no joblib models found' convert --input "$work/empty" --output "$work/x"

# The real thing, its proof, and a second run.
expect 0 'tfidf_xgboost +0 labels differ' convert --input "$sample" --output "$work/b"
grep -q 'anomaly_detector  *0 labels differ' "$work/out" || fail "no anomaly proof"
[ "$(ls "$work/b" | tr '\n' ' ')" = "anomaly_detector.onnx manifest.json scaler.onnx tfidf_vectorizer.onnx xgboost.onnx " ] ||
    fail "files are $(ls "$work/b")"
jq -e '.proof.tfidf_xgboost.label_mismatches == 0 and .proof.anomaly_detector.label_mismatches == 0 and
       .proof.logs > 100 and (.class_labels | length) == 4 and (.files | length) == 4 and
       .profile == "pipeline"' "$work/b/manifest.json" >/dev/null || fail "manifest: $(cat "$work/b/manifest.json")"
expect 3 'already holds a bundle' convert --input "$sample" --output "$work/b"
sha256sum "$work"/b/* | sed "s|$work/b/||" >"$work/first"
expect 0 'Microseconds per log' convert --input "$sample" --output "$work/b" --force --benchmark
sha256sum "$work"/b/*.onnx "$work/b/manifest.json" | sed "s|$work/b/||" | sort -k 2 | cmp -s - "$work/first" || fail "a second conversion differs"

# What --benchmark measured is in a file of its own, tied to the files that it is about.
jq -e '.format == 1 and .engine == "native" and .logs > 100 and (.cpu | length) > 0 and
       ([.models[] | .joblib_us > 0 and .onnx_us > 0 and (.improvement - .joblib_us / .onnx_us | fabs) < 1e-6] == [true, true])' \
    "$work/b/benchmark.json" >/dev/null || fail "benchmark: $(cat "$work/b/benchmark.json")"
jq -r '.models[].files | to_entries[] | .value + "  " + .key' "$work/b/benchmark.json" | sort -k 2 >"$work/named"
grep -v manifest.json "$work/first" | cmp -s - "$work/named" || fail "benchmark.json is of other files: $(cat "$work/named")"
expect 0 'tfidf_xgboost: joblib [0-9.]+ us a log, ONNX [0-9.]+ us, [0-9.]+ times faster' validate "$work/b" --deep
grep -q 'measured at conversion over [0-9]* logs on ' "$work/out" || fail "validate does not say where it was measured"
for wrong in '{}' '[' '{"format": 1, "x": 2}'; do
    printf '%s' "$wrong" >"$work/b/benchmark.json"
    expect 1 'benchmark.json' validate "$work/b"
    expect 0 '"category"' classify --model "$work/b" --quiet "$sample/parity.txt"
done
expect 0 '"benchmark":\{"format":1' convert --input "$sample" --output "$work/t" --benchmark --json
expect 0 'Bundle written' convert --input "$sample" --output "$work/b" --force
[ -e "$work/b/benchmark.json" ] && fail "a conversion without --benchmark left the old one"
expect 0 'ready' validate "$work/b"
mkdir "$work/other" && touch "$work/other/precious"
expect 3 'not a bundle' convert --input "$sample" --output "$work/other" --force
[ -f "$work/other/precious" ] || fail "a foreign folder was touched"
cp -r "$sample" "$work/in" && cp "$work/b/manifest.json" "$work/in/"
expect 2 'inside --output' convert --input "$work/in" --output "$work/in" --force
mkdir "$work/b/models" && cp -r "$sample"/. "$work/b/models"
expect 2 'inside --output' convert --input "$work/b/models" --output "$work/b" --force
[ -f "$work/in/tfidf_xgboost/model.joblib" ] && [ -d "$work/b/models" ] || fail "the source was removed"
rm -r "$work/b/models"
expect 0 '"match":true' convert --input "$sample" --output "$work/json" --json
jq -e .manifest.proof "$work/out" >/dev/null || fail "--json is not JSON"
expect 0 'Bundle written' convert --input "$sample" --output "$work/one" --model anomaly
[ "$(ls "$work/one" | tr '\n' ' ')" = "anomaly_detector.onnx manifest.json scaler.onnx " ] || fail "--model anomaly made $(ls "$work/one")"
printf 'one log\n\xff\xfe broken \x00 bytes\n' >"$work/parity.log"
expect 0 'Bundle written' convert --input "$sample" --output "$work/p" --parity "$work/parity.log"
expect 3 'cannot open' convert --input "$sample" --output "$work/q" --parity "$work/absent"
expect 3 'cannot create|cannot' convert --input "$sample" --output /proc/nowhere/bundle
find "$work" -maxdepth 1 -name '*.new-*' | grep -q . && fail "a temporary folder was left behind"

# A finished classifier beside a joblib vectorizer: what an absent term is to it, the user says.
mkdir "$work/finished" && cp "$work/b/xgboost.onnx" "$work/finished/" &&
    cp "$source_dir/tests/unit/convert/fixtures/sklearn/0.19-tfidf.joblib" "$work/finished/tfidf_vectorizer.joblib"
expect 0 'Nothing to time' convert --input "$work/finished" --output "$work/f-none" --benchmark
[ -e "$work/f-none/benchmark.json" ] && fail "a benchmark of nothing"
for terms in missing zero; do
    expect 0 'copied: no joblib model' convert --input "$work/finished" --output "$work/f-$terms" --absent-terms $terms
    jq -e ".absent_terms == \"$terms\"" "$work/f-$terms/manifest.json" >/dev/null || fail "--absent-terms $terms is not kept"
done
expect 2 'expected missing or zero' convert --input "$work/finished" --output "$work/f" --absent-terms 0
expect 2 'is for a finished xgboost.onnx' convert --input "$sample" --output "$work/f" --absent-terms zero

# validate
expect 0 'ONNX setup valid - ready for ONNX-only mode' validate "$work/b"
grep -qE '• anomaly_detector: [0-9.]+ KB - ✓ found' "$work/out" || fail "validate does not list the detector"
grep -q '• anomaly_scaler: ✓ found' "$work/out" || fail "validate does not list the scaler"
grep -q 'the native engine can run it' "$work/out" || fail "validate does not try the engine"
expect 0 'ready' validate "$work/one"
expect 1 'no models found' validate "$work/empty"
expect 1 'convert' validate "$sample"
expect 2 'DIR is missing' validate
cp -r "$work/b" "$work/bad" && printf 'x' >>"$work/bad/scaler.onnx"
expect 1 'scaler.onnx' validate "$work/bad"
cp -r "$work/b" "$work/half" && rm "$work/half/scaler.onnx"
expect 1 'anomaly_scaler' validate "$work/half"
cp -r "$work/b" "$work/cut" && truncate -s 5000 "$work/cut/anomaly_detector.onnx"
expect 1 'anomaly_detector.onnx' validate "$work/cut"
cp -r "$work/b" "$work/swap" && cp "$work/swap/scaler.onnx" "$work/swap/xgboost.onnx"
expect 1 'xgboost' validate "$work/swap"

# Hostile joblib: refused by name, never run.
mkdir -p "$work/evil/anomaly_detector"
printf 'cos\nsystem\n(S"touch %s/pwned"\ntR.' "$work" >"$work/evil/anomaly_detector/model.joblib"
expect 3 'os.system' convert --input "$work/evil" --output "$work/e"
[ -e "$work/pwned" ] && fail "a pickle was executed"
head -c 3000 "$sample/anomaly_detector/model.joblib" >"$work/evil/anomaly_detector/model.joblib"
expect 3 'model.joblib' convert --input "$work/evil" --output "$work/e"
[ -e "$work/e" ] && fail "half a bundle was written"
finish
