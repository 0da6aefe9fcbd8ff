#!/usr/bin/env bash
# Measures the cost of a cached token, with a line of JSON per measurement. COUNTERSIGN_LIB_DIR
# should have a release build. CALLS is the number of calls in a round.
set -euo pipefail
cd "$(dirname "$0")"
source ./environment.sh
compile "$scratch/bench" -O2 bench.cpp
rm -rf "$scratch/sandbox" "$scratch/sandbox.ready"
sandbox_start "$COUNTERSIGN_SANDBOX" "$scratch/sandbox"
"$scratch/bench" "$sandbox_dir" "${CALLS:-100000}"
