#!/usr/bin/env bash
# Builds and tests the package: types, reference, linter, tests, scenarios, examples, leaks, README.
set -euo pipefail
cd "$(dirname "$0")"
: "${COUNTERSIGN_LIB_DIR:?the folder that has countersign.node}"
: "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
: "${COUNTERSIGN_SCENARIOS:?the folder of the scenarios}"
: "${COUNTERSIGN_PLUGINS:?a folder that tests/scenarios/plugins.sh has filled}"
export COUNTERSIGN_ADDON="$COUNTERSIGN_LIB_DIR/countersign.node"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
export XDG_STATE_HOME="$scratch/state" XDG_CONFIG_HOME="$scratch/config"
export npm_config_update_notifier=false

npm install --no-package-lock --no-audit --no-fund --loglevel=error
npx --no-install tsc -p tsconfig.json
npx --no-install tsc -p test/types/tsconfig.json
node reference.mjs --check
npx --no-install biome check --error-on-warnings .
node --expose-gc --test-reporter=spec --test-timeout=300000 --test test/*.test.mjs test/scenarios/*.test.mjs
# With a young generation of fixed size, only leaks make the memory grow.
node --expose-gc --max-semi-space-size=1 test/leak.mjs

# Try the tarball in an empty project.
./package.sh "$scratch/package"
./try.sh "$scratch"/package/countersign-*.tgz
