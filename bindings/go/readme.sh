#!/usr/bin/env bash
# Runs the README's first program and its tests in an empty module against the sandbox.
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

# Writes the README's examples to example-1.go, example-2.go …; two of them are whole files.
awk '/^```go$/ { on = 1; ++count; next } /^```$/ { on = 0 } on { print > ("example-" count ".go") }' "$here/README.md"
mv example-1.go main.go
mv "$(grep -l '^	"testing"$' example-*.go)" main_test.go
rm example-*.go
[ "$(grep -c '^package main$' main.go main_test.go)" = "main.go:1
main_test.go:1" ] || { echo "the README has no program or no test" >&2; exit 1; }
lines=$(awk '/^}$/ { on = 0 } on; /^func main/ { on = 1 }' main.go | wc -l)
[ "$lines" -le 10 ] || { echo "the README's program has $lines lines" >&2; exit 1; }
printf 'module example.test/integration\ngo 1.24.0\n' >go.mod
if [ -n "$directive" ]; then
    printf 'require github.com/countersign/countersign-go v0.0.0\n%s\n' "$directive" >>go.mod
else
    eval "$COUNTERSIGN_GO_INSTALL"
fi
go mod tidy
go vet "$@" .
export XDG_STATE_HOME="$project/state"
go test "$@" .

"$COUNTERSIGN_SANDBOX" --tls --dir "$project/sandbox" >ready.json &
sandbox=$!
for _ in $(seq 200); do
    [ -s ready.json ] && break
    sleep 0.05
done
# The example uses the connection "docusign", which has another name in the sandbox.
sed 's/^\[connections\.docusign-jwt\]$/[connections.docusign]/' sandbox/connections.toml >countersign.toml
# So has the API, whose certificate the sandbox issued.
url=$(sed 's/.*"url":"\([^"]*\)".*/\1/' ready.json)
sed -i "s#https://account-d.docusign.com#$url#" main.go
go build "$@" -o program .
export SSL_CERT_FILE="$project/sandbox/ca.pem"
said=$(./program)
[ "$said" = "200 OK" ] || { echo "README's example printed: $said" >&2; exit 1; }
echo "README's example${*:+ ($*)}: $said"
with_server_stores countersign.toml ./program
