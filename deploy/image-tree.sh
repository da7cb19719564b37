#!/usr/bin/env bash
# Lays out the file tree of the image: the program, the shared libraries that it is linked with and
# those that it opens when it needs them (its notes name them), its configuration and two files that
# name its user. Usage: deploy/image-tree.sh PROGRAM FOLDER (new)
set -euo pipefail
program=$(realpath "$1")
tree=$2
cd "$(dirname "$0")/.."
[ ! -e "$tree" ] || { echo "image-tree: $tree exists" >&2; exit 2; }

mkdir -p "$tree/usr/bin" "$tree/etc/ai-log-filter" "$tree/models"
install -m 755 "$program" "$tree/usr/bin/ai-log-filter"
strip "$tree/usr/bin/ai-log-filter" 2>/dev/null || true
install -m 644 configs/production.yaml "$tree/etc/ai-log-filter/config.yaml"
printf 'ai-log-filter:x:65532:65532::/:/none\n' >"$tree/etc/passwd"
printf 'ai-log-filter:x:65532:\n' >"$tree/etc/group"

# Each library under the path by which the loader looks for it, and its licence.
notes=$(mktemp)
trap 'rm -f "$notes"' EXIT
objcopy -O binary --only-section=.note.dlopen "$program" "$notes"
opened=$(grep -aoE '"lib[^"]+"' "$notes" | tr -d '"' | tr '\n' ' ')
[ -n "$opened" ] || { echo "image-tree: $program has no notes of the libraries that it opens" >&2; exit 1; }
LD_PRELOAD=$opened ldd "$program" | grep -oE '/[^ ]+' | sort -u | while read -r library; do
    mkdir -p "$tree$(dirname "$library")"
    install -m 755 "$(realpath "$library")" "$tree$library"
    package=$({ dpkg-query -S "$(realpath "$library")" 2>/dev/null || true; } | head -n 1 | cut -d: -f1)
    copyright=/usr/share/doc/$package/copyright
    if [ -n "$package" ] && [ -f "$copyright" ]; then
        install -D -m 644 "$(realpath "$copyright")" "$tree$copyright"
    fi
done
install -D -m 644 LICENSE "$tree/usr/share/doc/ai-log-filter/LICENSE"
echo "image-tree: $(du -sk --apparent-size "$tree" | cut -f1) KB in $tree"
