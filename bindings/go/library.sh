# What test.sh, package.sh, try.sh and bench.sh begin with: where the library is, and a scratch folder. To be sourced.
#
#   COUNTERSIGN_LIB_DIR      libcountersign.so and libcountersign.a
#   COUNTERSIGN_INCLUDE_DIR  countersign.h
#   COUNTERSIGN_SCRATCH      a folder for downloads and builds; else a temporary one
#
# Without the first two, pkg-config must know countersign.

scratch=${COUNTERSIGN_SCRATCH:-}
if [ -z "$scratch" ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
fi
mkdir -p "$scratch"
scratch=$(cd "$scratch" && pwd)

if [ -n "${COUNTERSIGN_LIB_DIR:-}" ]; then
    : "${COUNTERSIGN_INCLUDE_DIR:?say where countersign.h is}"
    mkdir -p "$scratch/pkgconfig"
    # Go caches by flags, and does not look at headers and libraries outside of the module: the sum makes it look.
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
    echo "pkg-config does not know countersign: set COUNTERSIGN_LIB_DIR and COUNTERSIGN_INCLUDE_DIR" >&2
    exit 1
}
