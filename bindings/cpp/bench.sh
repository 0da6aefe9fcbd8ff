#!/usr/bin/env bash
# Prints what a token from memory costs, one line of JSON for each measurement. COUNTERSIGN_LIB_DIR should have a
# release build; CALLS is how often each is called in a round.
set -euo pipefail
cd "$(dirname "$0")"
source ./environment.sh
compile "$scratch/bench" -O2 bench.cpp
rm -rf "$scratch/sandbox" "$scratch/sandbox.ready"
sandbox_start "$COUNTERSIGN_SANDBOX" "$scratch/sandbox"
"$scratch/bench" "$sandbox_dir" "${CALLS:-100000}"
