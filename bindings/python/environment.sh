# To be sourced by the scripts: a virtual environment with requirements-dev.txt, in
# $COUNTERSIGN_SCRATCH.

export COUNTERSIGN_SCRATCH="${COUNTERSIGN_SCRATCH:-${TMPDIR:-/tmp}/countersign-python}"
mkdir -p "$COUNTERSIGN_SCRATCH"
# Keep the user's configuration and fallback store out of the tests.
export XDG_STATE_HOME="$COUNTERSIGN_SCRATCH/state" XDG_CONFIG_HOME="$COUNTERSIGN_SCRATCH/config"
mkdir -p "$XDG_STATE_HOME" "$XDG_CONFIG_HOME"
unset COUNTERSIGN_CONFIG COUNTERSIGN_LIBRARY PYTHONPATH
export PIP_DISABLE_PIP_VERSION_CHECK=1

venv="$COUNTERSIGN_SCRATCH/venv"

make_venv() {
    if ! cmp -s requirements-dev.txt "$venv/installed.txt"; then
        "${PYTHON:-python3}" -m venv --clear "$venv"
        "$venv/bin/pip" install -q -r requirements-dev.txt
        cp requirements-dev.txt "$venv/installed.txt"
    fi
}
