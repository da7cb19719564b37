#!/usr/bin/env bash
# bench: the report's shape, what it refuses. Times are only checked to be there.
source "$(dirname "$0")/lib.bash"
sample=$source_dir/models/sample
"$program" convert --input "$sample" --output "$work/b" >/dev/null || fail "convert"
head -n 50 "$sample/parity.txt" >"$work/logs"

expect 0 'Usage: ai-log-filter bench' bench --help
expect 2 'no model' bench
expect 3 'absent' bench --model "$work/absent"
expect 3 'absent' bench --model "$work/b" --input "$work/absent"
: >"$work/none"
expect 3 'holds no logs' bench --model "$work/b" --input "$work/none"
for n in 0 x -1 1x '1,' ',1' 4097 '1,,2'; do expect 2 'expected 1 to 4096' bench --model "$work/b" --batch "$n"; done
expect 2 'more than 8 sizes' bench --model "$work/b" --batch 1,2,3,4,5,6,7,8,9
for n in 0 x 101 5x; do expect 2 'expected 1 to 100' bench --model "$work/b" --rounds "$n"; done
expect 2 'takes one number' bench --model "$work/b" --rounds 1,2
expect 2 'expected 1 to 1000000' bench --model "$work/b" --logs 0

one=(bench --model "$work/b" --rounds 1 --input "$work/logs")
expect 0 '^50 logs, native engine, median of 1 rounds' "${one[@]}" --batch 3,7
for words in '^batch +3 +7$' '^anomaly_detector +[0-9.]+ +[0-9.]+$' '^tfidf_xgboost' '^rule_based' '^preprocessing' \
    '^ensemble' '^load: [0-9.]+ ms' '^peak memory: [0-9]+ kB' 'xgboost [0-9.]+ KB'; do
    grep -qE "$words" "$work/out" || fail "the report lacks '$words'"
done
expect 0 . "${one[@]}" --json --logs 20
jq -e '.load_ms > 0 and .load_again_ms > 0 and .peak_rss_kb > 0 and .inference_engine == "native" and .logs == 20 and
       .rounds == 1 and (.components | keys == ["anomaly_detector", "rule_based", "tfidf_xgboost"]) and
       ([.components[], .ensemble, .preprocessing | keys_unsorted == ["1", "10", "100", "1000"]] | all) and
       ([.components[], .ensemble, .preprocessing | .[] > 0] | all) and
       .files.xgboost > 0' "$work/out" >/dev/null || fail "--json: $(cat "$work/out")"

# Logs that are not text, and a bundle with one model.
printf '\xff\xfe\x00\n\n{"message":"a"}\n' >"$work/odd"
expect 0 '^3 logs' bench --model "$work/b" --rounds 1 --input "$work/odd" --batch 2
"$program" convert --input "$sample" --output "$work/a" --model anomaly >/dev/null || fail "convert --model"
expect 0 . bench --model "$work/a" --rounds 1 --batch 1 --json --logs 5
jq -e '.components | keys == ["anomaly_detector", "rule_based"]' "$work/out" >/dev/null || fail "one model: $(cat "$work/out")"
finish
