#!/usr/bin/env bash
# Builds the wheel, with the library of $COUNTERSIGN_LIB_DIR in it: package.sh OUT
set -euo pipefail
out="$(mkdir -p "${1:?package.sh OUT}" && cd "$1" && pwd)"
cd "$(dirname "$0")"
: "${COUNTERSIGN_LIB_DIR:?the folder that has libcountersign.so.0}"
source ./environment.sh
make_venv

# Build a copy, so that no file of an earlier build gets in and none is left here.
copy="$COUNTERSIGN_SCRATCH/wheel"
rm -rf "$copy"
mkdir -p "$copy"
cp -r src pyproject.toml setup.py README.md ../../LICENSE-MIT ../../LICENSE-APACHE "$copy"
find "$copy" -name __pycache__ -prune -exec rm -rf {} +
"$venv/bin/python" -m build --wheel --no-isolation --outdir "$out" "$copy" >"$COUNTERSIGN_SCRATCH/wheel.log" 2>&1 ||
    { cat "$COUNTERSIGN_SCRATCH/wheel.log" >&2; exit 1; }
ls "$out"/countersign-*.whl
