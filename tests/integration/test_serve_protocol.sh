#!/usr/bin/env bash
# HTTP as hostile or careless clients speak it: slow, cut short, pipelined, ambiguous, too large.
exec bash "$(dirname "$0")/serve/run.sh" protocol
