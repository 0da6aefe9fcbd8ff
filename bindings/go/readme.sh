#!/usr/bin/env bash
# Runs the README's first example in an empty module against the sandbox.
#
#   readme.sh DIRECTIVE [GO BUILD FLAGS]
#
# The directive is added to go.mod, for example to replace the package. If it is empty, the commands
# in COUNTERSIGN_GO_INSTALL get the package.
set -euo pipefail
directive=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
project=$(mktemp -d)
sandbox=
finish() {
    [ -z "$sandbox" ] || { kill "$sandbox" && wait "$sandbox" || true; } 2>/dev/null
    rm -rf "$project"
}
trap finish EXIT
cd "$project"
# shellcheck source=../stores.sh
. "$here/../stores.sh"

awk '/^```go$/ { if (!done) { on = 1; next } } /^```$/ { if (on) done = 1; on = 0 } on' "$here/README.md" >main.go
grep -q '^package main$' main.go || { echo "the README's first example is not a program" >&2; exit 1; }
printf 'module example.test/integration\ngo 1.24.0\n' >go.mod
if [ -n "$directive" ]; then
    printf 'require github.com/countersign/countersign-go v0.0.0\n%s\n' "$directive" >>go.mod
else
    eval "$COUNTERSIGN_GO_INSTALL"
fi
go mod tidy
go vet "$@" .
go build "$@" -o program .

export XDG_STATE_HOME="$project/state"
"$COUNTERSIGN_SANDBOX" --tls --dir "$project/sandbox" >ready.json &
sandbox=$!
for _ in $(seq 200); do
    [ -s ready.json ] && break
    sleep 0.05
done
# The example uses the connection "docusign", which has another name in the sandbox.
sed 's/^\[connections\.docusign-jwt\]$/[connections.docusign]/' sandbox/connections.toml >countersign.toml
said=$(./program)
case $said in
*"a token of "*" bytes"*) echo "README's example${*:+ ($*)}: $said" ;;
*)
    echo "README's example printed: $said" >&2
    exit 1
    ;;
esac
with_server_stores countersign.toml ./program
