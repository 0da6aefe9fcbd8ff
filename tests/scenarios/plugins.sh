#!/usr/bin/env bash
# Builds the plugins that the scenarios and the bindings' tests load, with $CC or cc: plugins.sh FOLDER
#
# No other user may be able to write FOLDER or a folder above it. Use `mktemp -d`.
set -euo pipefail
out=${1:?the folder for the plugins}
root=$(cd "$(dirname "$0")/../.." && pwd)
umask 022

# build NAME SOURCE HEADERS
build() {
    "${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -O1 -shared -fPIC -I "$root/$3" -o "$out/$1" "$root/$2"
}
# These names are the same on every system.
build xero.so examples/plugins/xero/xero.c include
build v2_only.so tests/plugins/v2_only.c include
# A plugin that logs.
build v1_0.so tests/plugins/v1_0/plugin.c tests/plugins/v1_0
