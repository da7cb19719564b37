#!/usr/bin/env bash
# The output has the same bytes at every CPU level, and whatever code the C library chooses by CPU.
source "$(dirname "$0")/lib.bash"
"$program" convert --input "$source_dir/models/sample" --output "$work/b" >/dev/null || fail "convert"

# classify_as NAME [VARIABLE=VALUE ...]: the verdicts with these variables, less the times.
classify_as() {
    local name=$1
    shift
    env "$@" "$program" classify --model "$work/b" --components --quiet --format text \
        "$source_dir/models/sample/parity.txt" "$source_dir"/examples/logs/* 2>"$work/err" |
        sed -E 's/"processing_time_ms":[0-9.e-]+//' >"$work/$name"
    [ "${PIPESTATUS[0]}" -eq 0 ] || fail "classify with $*: $(head -c 300 "$work/err")"
}

classify_as best ALF_CPU=
[ "$(wc -l <"$work/best")" -ge 100 ] || fail "only $(wc -l <"$work/best") verdicts to compare"
grep -q '"decision":-' "$work/best" || fail "no anomaly among the verdicts"
for level in portable neon avx2 avx512 avx512vbmi; do
    classify_as "$level" ALF_CPU="$level"
    cmp "$work/best" "$work/$level" || fail "ALF_CPU=$level changes the output"
done
classify_as plain ALF_CPU=portable GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2,-FMA4,-AVX,-AVX512F
cmp "$work/best" "$work/plain" || fail "the C library's choice of code changes the output"

# A misspelt level is said, not ignored.
for command in "version" "classify --model $work/b" "serve --check --model $work/b"; do
    # shellcheck disable=SC2086 # words
    ALF_CPU=avx3 expect 2 'ALF_CPU is "avx3", expected portable, neon, avx2, avx512 or avx512vbmi' $command
done
finish
