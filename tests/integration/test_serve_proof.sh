#!/usr/bin/env bash
# The proof of a bundle is replayed at start, at a reload and for a candidate.
exec bash "$(dirname "$0")/serve/run.sh" proof
