#!/usr/bin/env bash
# Installs into a folder, builds the example against what was installed with pkg-config, and runs it.
# Usage: tests/integration/install.sh RELEASE_BUILD_FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT

cmake --install "$build" --prefix "$prefix" >/dev/null
pc=$(find "$prefix" -name ai_log_filter.pc)
lib=$(dirname "$(dirname "$pc")")
# The file names the configured prefix; --define-variable moves it as a packager would.
flags=$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --define-variable=prefix="$prefix" --cflags --libs ai_log_filter)
# shellcheck disable=SC2086
cc -std=c17 -Wall -Wextra -Werror examples/classify.c $flags -o "$prefix/classify"

bundle=$prefix/bundle
"$prefix/bin/ai-log-filter" convert --input models/sample --output "$bundle" >/dev/null
count=$(LD_LIBRARY_PATH=$lib "$prefix/classify" "$bundle" <examples/logs/mixed.log | wc -l)
[ "$count" -eq "$(wc -l <examples/logs/mixed.log)" ] || {
    echo "the example printed $count lines for $(wc -l <examples/logs/mixed.log) logs" >&2
    exit 1
}
exported=$(nm -D --defined-only "$lib"/libai_log_filter.so | awk '$2 == "T" {print $3}' | grep -cv '^alf_' || true)
[ "$exported" -eq 0 ] || {
    echo "the library exports $exported names that do not start with alf_" >&2
    exit 1
}
if command -v mandoc >/dev/null; then
    mandoc -T lint -W error "$prefix"/share/man/man1/ai-log-filter.1
fi
echo "install: library, example, pkg-config file and manual are in order"
