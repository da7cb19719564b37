#!/usr/bin/env bash
# A folder of src/ includes only itself and folders above it in this list (docs/architecture.md).
set -euo pipefail
cd "$(dirname "$0")/.."

order=(base codec model onnx engine convert logs classify lib inputs outputs pipeline serve cli)
declare -A rank
for i in "${!order[@]}"; do rank[${order[$i]}]=$i; done
# Siblings: neither may include the other, although one stands above.
siblings=("logs engine" "logs convert" "logs model" "logs onnx" "outputs inputs")

failed=0
complain() {
    echo "layering: $1" >&2
    failed=1
}

for folder in src/*/; do
    name=$(basename "$folder")
    [ -n "${rank[$name]:-}" ] || complain "src/$name is not a known room; see docs/architecture.md"
done

while IFS=: read -r file line text; do
    from=$(cut -d/ -f2 <<<"$file")
    target=$(sed -E 's/.*#include "([^"]+)".*/\1/' <<<"$text")
    [ "$target" = ai_log_filter.h ] && continue
    to=${target%%/*}
    if [ "$to" = "$target" ] || [ -z "${rank[$to]:-}" ]; then
        complain "$file:$line includes \"$target\": write it as \"folder/file.h\""
    elif [ "${rank[$to]}" -gt "${rank[$from]:-0}" ]; then
        complain "$file:$line: $from may not include $to"
    elif [[ " ${siblings[*]} " == *" $from $to "* ]]; then
        for pair in "${siblings[@]}"; do
            [ "$pair" = "$from $to" ] && complain "$file:$line: $from and $to do not know each other"
        done
    fi
done < <(grep -rnE '^#include "' src --include='*.c' --include='*.h')

public=$(find include -name '*.h' | wc -l)
[ "$public" -eq 1 ] || complain "include/ holds $public headers; ai_log_filter.h is the only public one"
[ "$failed" -eq 0 ] && echo "layering: in order"
exit "$failed"
