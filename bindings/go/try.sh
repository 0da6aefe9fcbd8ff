#!/usr/bin/env bash
# Gets the module from the folder that package.sh wrote, with the README's commands in an empty
# module, and runs the README's example, linked statically (the default) and dynamically:
#
#   try.sh OUT/goproxy
set -euo pipefail
: "${1:?usage: try.sh OUT/goproxy}" "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
proxy=$(cd "$1" && pwd)
cd "$(dirname "$0")"
. ./library.sh

GOMODCACHE=$(mktemp -d)
export GOMODCACHE
finish() {
    GOFLAGS=-modcacherw go clean -modcache
    rm -rf "$GOMODCACHE"
    [ -n "${COUNTERSIGN_SCRATCH:-}" ] || rm -rf "$scratch"
}
trap finish EXIT
# Where the module's own dependencies come from.
others=$(go env GOPROXY)
install=$(awk '/^```sh$/ { on = 1; next } /^```$/ { if (on) exit } on' README.md)
install=${install//DIR\/packages\/goproxy/$proxy}
install=${install//https:\/\/proxy.golang.org/$others}
grep -q "file://$proxy" <<<"$install" || { echo "the README doesn't say how to get the module: $install" >&2; exit 1; }
export COUNTERSIGN_GO_INSTALL=$install GOFLAGS="${GOFLAGS:-} -modcacherw"

# The module contains the header and the static library, so nothing else is needed.
env -u LD_LIBRARY_PATH -u PKG_CONFIG_PATH bash readme.sh ""
bash readme.sh "" -tags countersign_shared
