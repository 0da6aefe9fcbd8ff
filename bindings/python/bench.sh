#!/usr/bin/env bash
# Prints what a token from memory costs, one line of JSON for each measurement.
set -euo pipefail
cd "$(dirname "$0")"
: "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
source ./environment.sh
make_venv
wheels="$(mktemp -d)"
trap 'rm -rf "$wheels"' EXIT
./package.sh "$wheels" >/dev/null
"$venv/bin/pip" install -q --force-reinstall --no-deps "$wheels"/countersign-*.whl
"$venv/bin/python" bench.py
