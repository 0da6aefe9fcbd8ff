#!/usr/bin/env bash
# Measures what a cached token costs: a line of JSON for each measurement. Take the library's release build.
set -euo pipefail
cd "$(dirname "$0")"
. ./library.sh
: "${COUNTERSIGN_COMMAND:?say where the countersign command is}"
go run ./internal/bench
