#!/usr/bin/env bash
# The unit under systemd itself, in namespaces (machine.bash). Exit code 77 with a reason where that is not possible.
# Usage: tests/integration/systemd/run.sh RELEASE_BUILD_FOLDER (in the repository)
set -uo pipefail
cd "$(dirname "$0")/../../.." || exit
source tests/integration/systemd/machine.bash
trap machine_stop EXIT
program=$(realpath "$1/ai-log-filter")
machine_start "$PWD" || { echo "skipped: $machine_reason" && exit 77; }
machine env PROGRAM="/srv/source${program#"$PWD"}" bash /srv/source/tests/integration/systemd/inside.sh
