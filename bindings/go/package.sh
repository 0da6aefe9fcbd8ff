#!/usr/bin/env bash
# Packs the module, with the header and the static library for this platform, in a folder that Go
# reads like a module proxy (https://go.dev/ref/mod#goproxy-protocol):
#
#   package.sh OUT
#
# Writes OUT/goproxy, for GOPROXY=file://OUT/goproxy. The library is taken from COUNTERSIGN_LIB_DIR and
# COUNTERSIGN_INCLUDE_DIR.
set -euo pipefail
: "${1:?usage: package.sh OUT}" "${COUNTERSIGN_LIB_DIR:?}" "${COUNTERSIGN_INCLUDE_DIR:?}"
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
here=$PWD
root=$(cd ../.. && pwd)
version=v$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -1)

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
git -C "$here" ls-files -z -- . ':!tools' ':!*.sh' ':!.gitignore' | xargs -0 cp --parents -t "$stage"
cp "$root/LICENSE-MIT" "$root/LICENSE-APACHE" "$stage"
mkdir -p "$stage/include" "$stage/lib/$(go env GOOS)_$(go env GOARCH)"
cp "$COUNTERSIGN_INCLUDE_DIR/countersign.h" "$stage/include"
strip --strip-debug -o "$stage/lib/$(go env GOOS)_$(go env GOARCH)/libcountersign.a" "$COUNTERSIGN_LIB_DIR/libcountersign.a"

module=github.com/countersign/countersign-go
served=$out/goproxy/$module/@v
rm -rf "$out/goproxy"
mkdir -p "$served"
(cd tools && go run ./modzip "$stage" "$module" "$version" "$served/$version.zip")
cp "$stage/go.mod" "$served/$version.mod"
echo "{\"Version\":\"$version\"}" >"$served/$version.info"
echo "$version" >"$served/list"
echo "$served/$version.zip: $(stat -c %s "$served/$version.zip") bytes"
