#!/usr/bin/env bash
# Runs the README's first example in an empty module against the sandbox.
#
#   readme.sh DIRECTIVE [GO BUILD FLAGS]
#
# The directive is added to go.mod, for example to replace the package. It may be empty.
set -euo pipefail
directive=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
version=${COUNTERSIGN_GO_VERSION:-v0.0.0}
project=$(mktemp -d)
sandbox=
finish() {
    [ -z "$sandbox" ] || { kill "$sandbox" && wait "$sandbox" || true; } 2>/dev/null
    rm -rf "$project"
}
trap finish EXIT
cd "$project"

awk '/^```go$/ { if (!done) { on = 1; next } } /^```$/ { if (on) done = 1; on = 0 } on' "$here/README.md" >main.go
grep -q '^package main$' main.go || { echo "the README's first example is not a program" >&2; exit 1; }
{
    echo "module example.test/integration"
    echo "go 1.24.0"
    echo "require github.com/countersign/countersign-go $version"
    echo "$directive"
} >go.mod
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
