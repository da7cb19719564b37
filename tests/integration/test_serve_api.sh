#!/usr/bin/env bash
# Every endpoint of the service and every error, with Python's HTTP client.
exec bash "$(dirname "$0")/serve/run.sh" api
