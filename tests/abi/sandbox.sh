# To be sourced: starts the sandbox, and stops it when the script exits.
#
#   sandbox_start COMMAND DIR    sets sandbox_url, sandbox_dir and sandbox_ca
sandbox_start() {
    local ready
    mkdir -p "$2"
    mkfifo "$2.ready"
    "$1" --tls --dir "$2" >"$2.ready" &
    sandbox_pid=$!
    trap 'kill "$sandbox_pid" 2>/dev/null || true; wait "$sandbox_pid" 2>/dev/null || true' EXIT
    # Keep the pipe open: the sandbox would exit at its next output.
    exec 9<"$2.ready"
    read -r ready <&9
    sandbox_url=$(sed 's/.*"url":"\([^"]*\)".*/\1/' <<<"$ready")
    sandbox_ca=$(sed 's/.*"ca_file":"\([^"]*\)".*/\1/' <<<"$ready")
    sandbox_dir=$2
}
