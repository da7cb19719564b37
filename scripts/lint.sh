#!/usr/bin/env bash
# Everything that reads the source without running it: format, clang-tidy, cppcheck, shell scripts,
# the layering. Usage: scripts/lint.sh [BUILD_FOLDER with compile_commands.json]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/clang}
failed=0
step() {
    echo "lint: $1"
    shift
    "$@" || failed=1
}

mapfile -t sources < <(git ls-files '*.c' '*.h')
mapfile -t units < <(git ls-files 'src/*.c' 'src/**/*.c')
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)

tidy() { printf '%s\n' "${units[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" 2> >(grep -vE 'warnings? generated|Suppressed|Use -header-filter' >&2); }

step "layering" bash scripts/check-layering.sh
step "clang-format" clang-format --dry-run -Werror "${sources[@]}"
step "shellcheck" shellcheck -S warning "${scripts[@]}"
step "cppcheck" cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr \
    --suppressions-list=.cppcheck-suppressions --error-exitcode=1 -j "$(nproc)" -Iinclude -Isrc src
step "clang-tidy" tidy
[ "$failed" -eq 0 ] && echo "lint: clean"
exit "$failed"
