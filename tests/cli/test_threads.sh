#!/usr/bin/env bash
# classify --threads: the same bytes for any number of threads and batch size, in all formats; what
# ends the run ends it once and properly.
source "$(dirname "$0")/lib.bash"
"$program" convert --input "$source_dir/models/sample" --output "$work/b" >/dev/null || fail "convert"

# same NAME FILE...: as with one thread and batches of 256, for every mixture. processing_time_ms
# aside.
same() {
    local name=$1 threads batch
    shift
    "$program" classify --model "$work/b" --quiet --components --explain "$@" >"$work/one" || fail "$name: one thread"
    sed -E -i 's/"processing_time_ms":[0-9.]+,?//' "$work/one"
    [ -s "$work/one" ] || fail "$name: no output"
    for threads in 1 2 3 8; do
        for batch in 1 7 256; do
            printf 'model:\n  performance:\n    batch_size: %s\n' $batch >"$work/batch.yaml"
            "$program" classify --config "$work/batch.yaml" --model "$work/b" --quiet --components --explain --threads $threads "$@" |
                sed -E 's/"processing_time_ms":[0-9.]+,?//' | cmp -s - "$work/one" || fail "$name: $threads threads, batches of $batch differ"
        done
    done
}

cat "$source_dir"/examples/logs/*.log >"$work/all.log"
same "every example" "$source_dir"/examples/logs/*
{ cat "$work/all.log"; head -c 1300000 /dev/zero | tr '\0' 'a'; echo; printf '\n\nbad \xff\xfe bytes\n'; cat "$work/all.log"; printf 'no end'; } >"$work/long"
same "long and odd lines" "$work/long"
{ echo 'timestamp,message,source'; for i in $(seq 300); do printf '%d,"line, ""%d""\nsecond line of %d failed",host\n' "$i" "$i" "$i"; done; printf '1,"never closed\n'; cat "$work/all.log"; } >"$work/x.csv"
same "csv" "$work/x.csv" "$work/all.log"
reference=$source_dir/../shared/reference/logs/loghub
if [ -d "$reference" ]; then
    for file in "$reference"/*.log; do head -n 100 "$file"; done >"$work/reference.log"
    same "reference logs" "$work/reference.log"
fi

# The configuration, the environment, and what is not a number of threads.
"$program" classify --model "$work/b" --quiet "$work/all.log" | sed -E 's/"processing_time_ms":[0-9.]+//' >"$work/one"
for threads in 0 2; do
    ONNX_INTRA_THREADS=$threads "$program" classify --model "$work/b" --quiet "$work/all.log" | sed -E 's/"processing_time_ms":[0-9.]+//' | cmp -s - "$work/one" || fail "ONNX_INTRA_THREADS=$threads"
done
expect 2 'threads.*expected 0 to 1024' classify --model "$work/b" --threads 1025 "$work/all.log"
expect 2 'threads.*expected 0 to 1024' classify --model "$work/b" --threads two "$work/all.log"

# The totals count every log once; a file that is not there does not stop the others.
expect 0 "^$((2 * $(wc -l <"$work/all.log"))) logs in" classify --model "$work/b" --threads 3 --output "$work/o" "$work/all.log" "$work/all.log"
expect 3 'absent' classify --model "$work/b" --threads 3 --output "$work/o2" "$work/all.log" "$work/absent" "$work/all.log"
cmp -s <(sed -E 's/"processing_time_ms":[0-9.]+//' "$work/o") <(sed -E 's/"processing_time_ms":[0-9.]+//' "$work/o2") || fail "a missing file changed the others"

# A reader that goes away ends the program as it ends cat: by SIGPIPE, without a word. Who ignores
# the signal gets the error.
for i in $(seq 200); do cat "$work/all.log"; done >"$work/many.log"
for threads in 1 3; do
    "$program" classify --model "$work/b" --threads $threads "$work/many.log" 2>"$work/err" | head -n 1 >"$work/out"
    [ "${PIPESTATUS[0]}" -eq 141 ] || fail "$threads threads: a closed pipe did not end the program by SIGPIPE"
    [ -s "$work/err" ] && fail "$threads threads: a closed pipe gave a message: $(head -c 200 "$work/err")"
    [ "$(wc -l <"$work/out")" -eq 1 ] || fail "$threads threads: head got no line"
    (trap '' PIPE; "$program" classify --model "$work/b" --threads $threads "$work/many.log" 2>"$work/err"; echo $? >"$work/code") | head -n 1 >"$work/out"
    [ "$(cat "$work/code")" -eq 4 ] || fail "$threads threads: SIGPIPE ignored: exit code $(cat "$work/code"), expected 4"
    [ "$(grep -c 'cannot write' "$work/err")" -eq 1 ] || fail "$threads threads: SIGPIPE ignored: $(head -c 200 "$work/err")"
    if [ -e /dev/full ]; then
        expect 4 'cannot write' classify --model "$work/b" --threads $threads --output /dev/full "$work/many.log" "$work/all.log"
        [ "$(grep -c 'cannot write' "$work/err")" -eq 1 ] || fail "$threads threads: the failure was told more than once"
    fi
done
finish
