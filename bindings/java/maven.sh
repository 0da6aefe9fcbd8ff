# What the scripts of this folder share; they read this file. Everything that is downloaded or built goes into
# $COUNTERSIGN_SCRATCH, or into target/ beside this file.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=${COUNTERSIGN_SCRATCH:-$here/target/scratch}
mkdir -p "$scratch"

# What only this run needs; it goes with the script, and a sandbox does too.
run=$(mktemp -d "$scratch/run.XXXXXX")
sandbox_pid=
finish() {
    if [ -n "$sandbox_pid" ]; then
        kill "$sandbox_pid"
        wait "$sandbox_pid" || true
    fi
    rm -rf "$run"
}
trap finish EXIT

# The library's state is not that of the person who runs the tests.
export XDG_STATE_HOME=$run/state
mkdir "$XDG_STATE_HOME"

maven() {
    mvn -B -ntp -Dstyle.color=never -Dmaven.repo.local="$scratch/m2" -Dcountersign.build="$scratch/build" "$@"
}

# Maven without all that it says when nothing is wrong.
quiet_maven() {
    maven -q "$@"
}

# The first Java program of the README.
readme_example() {
    awk '/^```java$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' "$here/README.md"
}

# Starts a sandbox and sets `sandbox_dir`; it ends with the script.
start_sandbox() {
    : "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
    sandbox_dir=$run/sandbox
    local ready
    mkfifo "$run/ready"
    "$COUNTERSIGN_SANDBOX" --tls --dir "$sandbox_dir" >"$run/ready" &
    sandbox_pid=$!
    read -r ready <"$run/ready"
    test -n "$ready"
}
