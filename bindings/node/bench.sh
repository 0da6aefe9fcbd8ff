#!/usr/bin/env bash
# Measures calls and prints lines of JSON: see bench.mjs.
set -euo pipefail
cd "$(dirname "$0")"
export COUNTERSIGN_ADDON="${COUNTERSIGN_LIB_DIR:?the folder that has countersign.node}/countersign.node"
export npm_config_update_notifier=false
[ -d node_modules ] || npm install --no-package-lock --no-audit --no-fund --loglevel=error >&2
npx --no-install tsc -p tsconfig.json >&2
exec node bench.mjs
