# To be sourced by the try.sh of each language.

# with_server_stores CONFIGURATION COMMAND...: runs the command, which gets a token, with each store on
# a server. Nothing listens at its address: the library must know the store, and return a token or
# say that the server can't be reached.
with_server_stores() {
    local configuration=$1 url said
    shift
    for url in redis://127.0.0.1:1 postgres://user:password@127.0.0.1:1/tokens; do
        sed "s#^store = .*#store = \"$url\"#" "$configuration" >"$configuration.store"
        grep -q "\"$url\"" "$configuration.store"
        if ! said=$(COUNTERSIGN_CONFIG=$configuration.store "$@" 2>&1) &&
            [[ $said != *"cannot be reached"* && $said != *"the connection to "*" failed"* ]]; then
            echo "the example fails with the store $url: $said" >&2
            return 1
        fi
    done
    echo "the package has the stores redis:// and postgres://"
}
