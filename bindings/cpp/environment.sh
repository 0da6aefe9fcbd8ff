# To be sourced by the other scripts: their variables, and how they compile.

: "${COUNTERSIGN_LIB_DIR:?the folder that has libcountersign.so.0}"
: "${COUNTERSIGN_INCLUDE_DIR:?the folder that has countersign.hpp}"
: "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
scratch=${COUNTERSIGN_SCRATCH:-${TMPDIR:-/tmp}/countersign-cpp}
cxx=${CXX:-c++}
mkdir -p "$scratch"
# Keep the user's configuration and fallback store out of the tests.
export XDG_STATE_HOME=$scratch/state XDG_CONFIG_HOME=$scratch/config
unset COUNTERSIGN_CONFIG
# shellcheck source=../../tests/abi/sandbox.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../tests/abi/sandbox.sh"

# compile OUTPUT FLAGS_AND_SOURCES...
compile() {
    local output=$1
    shift
    "$cxx" -std=c++17 -g -Wall -Wextra -Wpedantic -Werror "-I$COUNTERSIGN_INCLUDE_DIR" "$@" -o "$output" \
        "-L$COUNTERSIGN_LIB_DIR" "-Wl,-rpath,$COUNTERSIGN_LIB_DIR" -lcountersign -pthread
}
