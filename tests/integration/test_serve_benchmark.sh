#!/usr/bin/env bash
# What convert --benchmark measured, in the metrics of the service.
exec bash "$(dirname "$0")/serve/run.sh" benchmark
