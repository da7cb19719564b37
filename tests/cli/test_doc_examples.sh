#!/usr/bin/env bash
# Examples in README.md and docs/ are what they say: configurations and rules load, and the README's answers are given.
source "$(dirname "$0")/lib.bash"
"$program" convert --input "$source_dir/models/sample" --output "$work/bundle" >/dev/null || fail "convert"
cd "$work" || exit 1

# Each block of YAML in docs/, fenced or indented, as a file.
awk -v to="$work/block" '
    FILENAME ~ /migration/ { next } # has a test of its own
    FNR == 1 { fenced = open = 0 }
    /^```yaml/ { fenced = 1; n++; file = to n ".yaml"; print "# " FILENAME ":" FNR >file; next }
    /^```/ { fenced = 0; next }
    fenced { print >file; next }
    /^    [a-z_]+:$/ && !open { open = 1; n++; file = to n ".yaml"; print "# " FILENAME ":" FNR >file }
    open && !/^    / { open = 0 }
    open { print substr($0, 5) >file }' "$source_dir"/docs/*.md
count=0
for block in block*.yaml; do
    where=$(sed -n '1s/^# //p' "$block")
    count=$((count + 1))
    if grep -qE '^(categories|compliance):' "$block"; then
        # A section of a rules file stands for a file.
        grep -q '^categories:' "$block" || printf 'categories:\n  noise:\n    - {name: a, pattern: a, confidence: 0.5}\n' >>"$block"
        echo 'Failed password for root' | "$program" classify --model bundle --quiet --rules "$block" - >out 2>err ||
            fail "$where: $(cat err)"
    else
        # Folders of the example are not here.
        sed -E "s|^(  path: ).*/?(v3).*|\1$source_dir/models/sample|; t; s|^(  path: )/.*|\1$work/bundle|" "$block" >config.yaml
        "$program" serve --check --config config.yaml >out 2>err || fail "$where: $(cat err)"
    fi
done
[ "$count" -ge 4 ] || fail "only $count examples of YAML were found"

# The README's verdict on one log, all of it but the time.
without_time() { sed -E 's/"processing_time_ms":[0-9.e-]+/"processing_time_ms":0/'; }
sed -n '/\$ echo .Failed password/,/one line in reality/p' "$source_dir/README.md" | sed -n 's/^    //p' >said
log=$(sed -n "1s/.*echo '\(.*\)' |/\1/p" said)
sed 1,2d said | tr -d '\n' | without_time >expected
echo "$log" | "$program" classify --model bundle --components --quiet | tr -d '\n' | without_time >real
[ -n "$log" ] && cmp -s expected real || fail "the README's verdict: $(cat expected), really: $(cat real)"

# The README's summary of the sample logs.
sed -n '/^    880 logs in/,/^    *saved/p' "$source_dir/README.md" | sed 's/.*logs per second//; s/^ *//; /^$/d' >expected
"$program" classify --model bundle --text "$source_dir"/examples/logs/* 2>err >/dev/null || fail "classify: $(cat err)"
sed 's/^ *//' err >real
[ "$(wc -l <expected)" -eq 6 ] || fail "the README's summary has $(wc -l <expected) lines"
while read -r line; do grep -qxF -- "$line" real || fail "the README's summary says: $line"; done <expected
finish
