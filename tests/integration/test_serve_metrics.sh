#!/usr/bin/env bash
# The metrics of the service as Prometheus' own linter sees them, with the kept names and without.
command -v promtool >/dev/null || { echo "skipped: promtool is not installed" && exit 77; }
exec bash "$(dirname "$0")/serve/run.sh" metrics
