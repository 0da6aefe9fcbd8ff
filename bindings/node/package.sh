#!/usr/bin/env bash
# Builds the npm tarball, with the native library for this platform: package.sh FOLDER
set -euo pipefail
out="${1:?the folder to write the tarball to}"
: "${COUNTERSIGN_LIB_DIR:?the folder that has libcountersign.so.0}"
mkdir -p "$out"
out="$(cd "$out" && pwd)"
cd "$(dirname "$0")"
export npm_config_update_notifier=false
[ -d node_modules ] || npm install --no-package-lock --no-audit --no-fund --loglevel=error
npx --no-install tsc -p tsconfig.json

# Pack a copy, so that no library in the checkout takes precedence over the one that the tests set.
copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
cp -r package.json README.md dist esm "$copy"
cp ../../LICENSE-MIT ../../LICENSE-APACHE "$copy"
native="$copy/native/$(node -p '`${process.platform}-${process.arch}`')"
mkdir -p "$native"
cp -L "$COUNTERSIGN_LIB_DIR/libcountersign.so.0" "$native/"
(cd "$copy" && npm pack --loglevel=error --pack-destination "$out")
