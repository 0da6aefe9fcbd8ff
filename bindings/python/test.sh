#!/usr/bin/env bash
# Builds the wheel and tests it: generated module, linter, types, tests, scenarios, leaks, README.
set -euo pipefail
cd "$(dirname "$0")"
: "${COUNTERSIGN_LIB_DIR:?the folder that has libcountersign.so.0}"
: "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
: "${COUNTERSIGN_PLUGINS:?a folder that tests/scenarios/plugins.sh has filled}"
source ./environment.sh
make_venv
export PYTHONDONTWRITEBYTECODE=1
run() { "$venv/bin/$1" "${@:2}"; }

run python generate.py --check
run ruff check --quiet --no-cache .
run ruff format --check --quiet --no-cache .
run mypy --cache-dir "$COUNTERSIGN_SCRATCH/mypy"

wheels="$(mktemp -d)"
trap 'rm -rf "$wheels"' EXIT
./package.sh "$wheels"
run pip install -q --force-reinstall --no-deps "$wheels"/countersign-*.whl

# Test the wheel, with the library in it.
run pytest -q -p no:cacheprovider --doctest-modules --pyargs countersign tests
run python leak.py
