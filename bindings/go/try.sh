#!/usr/bin/env bash
# Installs the archive of package.sh into an empty module, as from the Go module proxy, and runs the
# README's example, linked dynamically and statically:
#
#   try.sh countersign-go-VERSION.zip
set -euo pipefail
: "${1:?usage: try.sh countersign-go-VERSION.zip}" "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
artefact=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")"
. ./library.sh

version=$(basename "$artefact" .zip)
version=${version#countersign-go-}
module=github.com/countersign/countersign-go
proxy=$(mktemp -d)
export GOMODCACHE=$proxy/cache
finish() {
    GOFLAGS=-modcacherw go clean -modcache
    rm -rf "$proxy"
    [ -n "${COUNTERSIGN_SCRATCH:-}" ] || rm -rf "$scratch"
}
trap finish EXIT
# The layout of https://go.dev/ref/mod#goproxy-protocol.
mkdir -p "$proxy/$module/@v"
cp "$artefact" "$proxy/$module/@v/$version.zip"
unzip -p "$artefact" "$module@$version/go.mod" >"$proxy/$module/@v/$version.mod"
echo "{\"Version\":\"$version\"}" >"$proxy/$module/@v/$version.info"
echo "$version" >"$proxy/$module/@v/list"
GOPROXY=file://$proxy,$(go env GOPROXY)
export GOPROXY GONOSUMDB=$module GOFLAGS="${GOFLAGS:-} -modcacherw" COUNTERSIGN_GO_VERSION=$version

bash readme.sh ""
# The archive contains the header and the static library, so nothing else is needed.
env -u LD_LIBRARY_PATH -u PKG_CONFIG_PATH bash readme.sh "" -tags countersign_static
