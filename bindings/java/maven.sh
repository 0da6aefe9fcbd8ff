# To be sourced by the other scripts. Downloads and builds go to $COUNTERSIGN_SCRATCH, or to target/
# in this folder.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=${COUNTERSIGN_SCRATCH:-$here/target/scratch}
mkdir -p "$scratch"

# A temporary folder and a sandbox, which are removed when the script exits.
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

# Keep the user's state out of the tests.
export XDG_STATE_HOME=$run/state
mkdir "$XDG_STATE_HOME"

maven() {
    mvn -B -ntp -Dstyle.color=never -Dmaven.repo.local="$scratch/m2" -Dcountersign.build="$scratch/build" "$@"
}

# Maven, without its output on success.
quiet_maven() {
    maven -q "$@"
}

# Prints the README's first Java program.
readme_example() {
    awk '/^```java$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' "$here/README.md"
}

# Starts a sandbox, which is stopped when the script exits, and sets `sandbox_dir`.
start_sandbox() {
    : "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
    sandbox_dir=$run/sandbox
    local ready
    mkfifo "$run/ready"
    "$COUNTERSIGN_SANDBOX" --tls --dir "$sandbox_dir" >"$run/ready" &
    sandbox_pid=$!
    read -r ready <"$run/ready"
    test -n "$ready"
    sandbox_url=$(member url "$ready")
    keytool -importcert -noprompt -alias sandbox -file "$(member ca_file "$ready")" \
        -keystore "$run/trust.p12" -storepass changeit 2>/dev/null
}

# Prints a member of a flat JSON object.
member() {
    sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" <<<"$2"
}

# Runs the README's example with these options of java. It calls the sandbox's API.
example() {
    java -Djavax.net.ssl.trustStore="$run/trust.p12" -Djavax.net.ssl.trustStorePassword=changeit "$@" \
        Example "$sandbox_url/oauth/userinfo"
}

# Like example, with the sandbox's connections, and checks the API's response.
run_example() {
    COUNTERSIGN_CONFIG=$sandbox_dir/connections.toml example "$@" >"$run/example.out"
    grep '"account_id"' "$run/example.out" || { cat "$run/example.out"; return 1; }
}
