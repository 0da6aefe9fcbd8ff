# To be sourced by test.sh, package.sh, try.sh and bench.sh: finds the library and creates a scratch
# folder.
#
#   COUNTERSIGN_LIB_DIR      the folder of libcountersign.so and libcountersign.a
#   COUNTERSIGN_INCLUDE_DIR  the folder of countersign.h
#   COUNTERSIGN_SCRATCH      the folder for downloads and builds; defaults to a temporary one
#
# Without the first two, pkg-config must find countersign.

scratch=${COUNTERSIGN_SCRATCH:-}
if [ -z "$scratch" ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
fi
mkdir -p "$scratch"
scratch=$(cd "$scratch" && pwd)

if [ -n "${COUNTERSIGN_LIB_DIR:-}" ]; then
    : "${COUNTERSIGN_INCLUDE_DIR:?the folder of countersign.h}"
    mkdir -p "$scratch/pkgconfig"
    # Go's build cache ignores headers and libraries outside of the module. The checksum in a flag
    # makes it notice changes.
    sum=$(cat "$COUNTERSIGN_INCLUDE_DIR/countersign.h" "$COUNTERSIGN_LIB_DIR/libcountersign.a" 2>/dev/null | cksum | cut -d' ' -f1)
    cat >"$scratch/pkgconfig/countersign.pc" <<PC
Name: countersign
Description: Gets access tokens for server-side integrations and keeps them valid
Version: 0
Libs: -L$COUNTERSIGN_LIB_DIR -lcountersign
Cflags: -I$COUNTERSIGN_INCLUDE_DIR -DCOUNTERSIGN_BUILD=$sum
PC
    export PKG_CONFIG_PATH="$scratch/pkgconfig"
    export LD_LIBRARY_PATH="$COUNTERSIGN_LIB_DIR${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
pkg-config --exists countersign || {
    echo "pkg-config does not find countersign: set COUNTERSIGN_LIB_DIR and COUNTERSIGN_INCLUDE_DIR" >&2
    exit 1
}
