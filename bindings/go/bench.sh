#!/usr/bin/env bash
# Measures the cost of a cached token and prints a line of JSON per measurement. Use a release build
# of the library.
set -euo pipefail
cd "$(dirname "$0")"
. ./library.sh
: "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
go run -tags countersign_shared ./internal/bench
