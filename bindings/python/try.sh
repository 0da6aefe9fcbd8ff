#!/usr/bin/env bash
# Installs a wheel into an empty project and runs the README's examples: try.sh WHEEL
set -euo pipefail
wheel="$(realpath "${1:?try.sh WHEEL}")"
here="$(cd "$(dirname "$0")" && pwd)"
: "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
cd "$here"
source ./environment.sh

project="$(mktemp -d)"
trap 'rm -rf "$project"' EXIT
cd "$project"
"${PYTHON:-python3}" -m venv venv
source venv/bin/activate
mkdir -p DIR/packages
cp "$wheel" DIR/packages
# As the README says.
install="$(sed -n '/^```sh/,/^```/s/^pip install /pip install -q /p' "$here/README.md")"
[ -n "$install" ]
eval "$install"
pip install -q requests  # The adapter's.
# The library must come from the wheel.
unset COUNTERSIGN_LIB_DIR LD_LIBRARY_PATH
venv/bin/python "$here/tests/readme.py"
