#!/usr/bin/env bash
# Packs the module in the format of the Go module proxy, with the header and the static library for
# this platform:
#
#   package.sh OUT
#
# Writes OUT/countersign-go-VERSION.zip. The library is taken from COUNTERSIGN_LIB_DIR and
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

(cd tools && go run ./modzip "$stage" github.com/countersign/countersign-go "$version" "$out/countersign-go-$version.zip")
echo "$out/countersign-go-$version.zip: $(stat -c %s "$out/countersign-go-$version.zip") bytes"
