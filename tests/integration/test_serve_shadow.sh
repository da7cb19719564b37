#!/usr/bin/env bash
# A candidate bundle beside the live one: counted, sampled, refused, promoted, reloaded.
exec bash "$(dirname "$0")/serve/run.sh" shadow
