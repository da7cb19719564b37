#!/usr/bin/env bash
# Tokens, TLS, client certificates and limits of the service.
exec bash "$(dirname "$0")/serve/run.sh" security
