#!/usr/bin/env bash
# What deployment files and documentation name is there: metrics, labels, paths, keys, options, files.
exec bash "$(dirname "$0")/serve/run.sh" names
