#!/usr/bin/env bash
# Builds the plugins that scenarios and the bindings' tests load, with the machine's C compiler ($CC, else cc): plugins.sh FOLDER
#
# A plugin is loaded only where nobody else can write it, nor a folder on the way to it: a FOLDER of `mktemp -d` does.
set -euo pipefail
out=${1:?the folder that the plugins go into}
root=$(cd "$(dirname "$0")/../.." && pwd)
umask 022

# build NAME SOURCE HEADERS
build() {
    "${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -O1 -shared -fPIC -I "$root/$3" -o "$out/$1" "$root/$2"
}
# The names are these on every system.
build xero.so examples/plugins/xero/xero.c include
build v2_only.so tests/plugins/v2_only.c include
# It logs.
build v1_0.so tests/plugins/v1_0/plugin.c tests/plugins/v1_0
