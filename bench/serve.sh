#!/usr/bin/env bash
# The service under load on loopback: wrk posts batches of 100 and 1000 logs; prints Markdown: logs per second,
# latencies, and the memory of the service over time. wrk and the service share the machine.
# Usage: bench/serve.sh PROGRAM BUNDLE LOGS [SECONDS_PER_SIZE]
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "$1")
bundle=$(realpath "$2")
logs=$(realpath "$3")
seconds=${4:-15}
command -v wrk >/dev/null || { echo "skipped: wrk is not installed" && exit 0; }
work=$(mktemp -d)
service=
cleanup() {
    if [ -n "$service" ]; then
        kill "$service" 2>/dev/null || true
        wait "$service" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$program" serve --model "$bundle" --listen "127.0.0.1:$port" 2>"$work/log" &
service=$!
for _ in $(seq 100); do
    curl -sf -o /dev/null "http://127.0.0.1:$port/health/ready" && break
    sleep 0.05
done
memory() { awk '/^VmRSS/ {print $2}' "/proc/$service/status"; }

echo "## The service"
echo
echo "\`wrk\` (2 threads, 16 connections) on the same machine as the service (one event loop per core), batches of the logs"
echo "above through \`POST /classify/batch\`. Reproduce: \`make bench\`, or \`bench/serve.sh PROGRAM BUNDLE LOGS SECONDS\`."
echo
echo "| logs in a request | seconds | requests per second | logs per second | p50 ms | p99 ms | p99.9 ms | errors | memory at start, MB | after |"
echo "|---|---|---|---|---|---|---|---|---|---|"
for size in 1 100 1000; do
    wrk -t 2 -c 16 -d 2s -s bench/serve.lua "http://127.0.0.1:$port/classify/batch" -- "$logs" "$size" >/dev/null
    before=$(memory)
    wrk -t 2 -c 16 -d "${seconds}s" --timeout 10s -s bench/serve.lua "http://127.0.0.1:$port/classify/batch" -- "$logs" "$size" >"$work/out"
    read -r _ requests microseconds errors p50 p99 p999 _ < <(grep '^result ' "$work/out")
    awk -v size="$size" -v r="$requests" -v us="$microseconds" -v e="$errors" -v p50="$p50" -v p99="$p99" -v p999="$p999" \
        -v before="$before" -v after="$(memory)" 'BEGIN {
        s = us / 1e6
        printf "| %d | %.0f | %.0f | %.0f | %.2f | %.2f | %.2f | %d | %.1f | %.1f |\n", size, s, r / s, size * r / s,
            p50 / 1000, p99 / 1000, p999 / 1000, e, before / 1024, after / 1024 }'
done
