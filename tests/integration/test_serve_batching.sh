#!/usr/bin/env bash
# Batches across connections, timeouts, messages and the command line of the service.
exec bash "$(dirname "$0")/serve/run.sh" batching
