#!/usr/bin/env bash
# The service under load: 100 reloads, shutdown, 10,000 open connections.
exec bash "$(dirname "$0")/serve/run.sh" lifecycle
