#!/usr/bin/env bash
# Builds the npm tarballs, the package's and its addon's for this platform: package.sh FOLDER
set -euo pipefail
out="${1:?the folder to write the tarballs to}"
: "${COUNTERSIGN_LIB_DIR:?the folder that has countersign.node}"
mkdir -p "$out"
out="$(cd "$out" && pwd)"
cd "$(dirname "$0")"
export npm_config_update_notifier=false
[ -d node_modules ] || npm install --no-package-lock --no-audit --no-fund --loglevel=error
npx --no-install tsc -p tsconfig.json

copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
licenses=(../../LICENSE-MIT ../../LICENSE-APACHE)
mkdir "$copy/main" "$copy/addon"
cp -r package.json README.md dist esm "${licenses[@]}" "$copy/main"
cp "${licenses[@]}" "$copy/addon"
cp -L "$COUNTERSIGN_LIB_DIR/countersign.node" "$copy/addon/"
node platform.mjs >"$copy/addon/package.json"
for package in main addon; do
  (cd "$copy/$package" && npm pack --loglevel=error --pack-destination "$out")
done
