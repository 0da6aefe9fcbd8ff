#!/usr/bin/env bash
# Tests the Go package: format, vet, unit tests and scenarios with the race detector, static
# linking, leaks, and the README's example. library.sh and the README describe the variables.
# COUNTERSIGN_SANDBOX is the path of countersign-sandbox.
set -euo pipefail
cd "$(dirname "$0")"
. ./library.sh
: "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
: "${COUNTERSIGN_PLUGINS:?the folder that tests/scenarios/plugins.sh has filled}"

unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "run gofmt -w on: $unformatted" >&2; exit 1; }
go mod verify

# Without cgo, the compiler reports one error, which says what to do.
if said=$(CGO_ENABLED=0 go build . 2>&1); then
    echo "the package builds without cgo" >&2
    exit 1
fi
[ "$(grep -c '^\./' <<<"$said")" = 1 ] && grep -q countersign_needs_cgo <<<"$said" || { echo "$said" >&2; exit 1; }

# Most tests link the shared library, because that takes less time.
plain=${GOFLAGS:-}
export GOFLAGS="$plain -tags=countersign_shared"
go vet ./...
(cd tools && go vet ./...)

# Programs that don't use golang.org/x/oauth2 shouldn't have to trust it.
if go list -deps . | grep ^golang.org/; then
    echo "the core package depends on a module" >&2
    exit 1
fi

# Fails if a test is skipped.
tested() {
    go test -count=1 -timeout 300s -v "$@" >"$scratch/test.log" 2>&1 || { grep -v '^=== ' "$scratch/test.log"; exit 1; }
    ! grep -- '--- SKIP' "$scratch/test.log"
    echo "go test $*: $(grep -c -- '--- PASS' "$scratch/test.log") tests passed"
}
# With a low GOGC, the collector runs often and finds objects that are not kept alive.
GOGC=10 tested -race . ./countersigntest ./xoauth2
tested -race ./scenarios

# The same package, linked statically, which is the default.
if [ -n "${COUNTERSIGN_LIB_DIR:-}" ] && [ -f "$COUNTERSIGN_LIB_DIR/libcountersign.a" ]; then
    (
        export CGO_CFLAGS="-I$COUNTERSIGN_INCLUDE_DIR -DCOUNTERSIGN_BUILD=$sum" CGO_LDFLAGS="-L$COUNTERSIGN_LIB_DIR"
        export GOFLAGS=$plain
        unset LD_LIBRARY_PATH PKG_CONFIG_PATH
        go vet ./...
        tested .
    )
fi

# One arena, because memory that glibc keeps in others looks like a leak.
MALLOC_ARENA_MAX=1 go run ./internal/leaks

# The README's examples.
bash readme.sh "replace github.com/countersign/countersign-go => $PWD"
