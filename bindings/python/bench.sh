#!/usr/bin/env bash
# Measures the cost of a cached token and prints a line of JSON per measurement.
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
