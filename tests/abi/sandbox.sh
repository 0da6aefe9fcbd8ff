# Sourced: starts the sandbox, and ends it with the script.
#
#   sandbox_start COMMAND DIR    sets sandbox_url, sandbox_dir and sandbox_ca
sandbox_start() {
    local ready
    mkdir -p "$2"
    mkfifo "$2.ready"
    "$1" --tls --dir "$2" >"$2.ready" &
    sandbox_pid=$!
    trap 'kill "$sandbox_pid" 2>/dev/null || true; wait "$sandbox_pid" 2>/dev/null || true' EXIT
    # Stays open: the sandbox would end at its next line.
    exec 9<"$2.ready"
    read -r ready <&9
    sandbox_url=$(sed 's/.*"url":"\([^"]*\)".*/\1/' <<<"$ready")
    sandbox_ca=$(sed 's/.*"ca_file":"\([^"]*\)".*/\1/' <<<"$ready")
    sandbox_dir=$2
}
