#!/usr/bin/env bash
# Measures what a cached token costs: a line of JSON for each measurement. Take the library's release build.
set -euo pipefail
cd "$(dirname "$0")"
. ./library.sh
: "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
go run ./internal/bench
