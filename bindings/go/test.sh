#!/usr/bin/env bash
# Everything about the Go package: format, vet, unit tests and scenarios with the race detector, both ways to link, the
# leak loop, and the README's example. See library.sh and the README for the variables; COUNTERSIGN_SANDBOX is the
# path of countersign-sandbox.
set -euo pipefail
cd "$(dirname "$0")"
. ./library.sh
: "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
: "${COUNTERSIGN_PLUGINS:?say where the plugins are that tests/scenarios/plugins.sh builds}"

unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "run gofmt -w on: $unformatted" >&2; exit 1; }
go mod verify

# Without cgo there is one message, which says what to do.
if said=$(CGO_ENABLED=0 go build . 2>&1); then
    echo "the package builds without cgo" >&2
    exit 1
fi
[ "$(grep -c '^\./' <<<"$said")" = 1 ] && grep -q countersign_needs_cgo <<<"$said" || { echo "$said" >&2; exit 1; }
go vet ./...
(cd tools && go vet ./...)

# Nothing may be skipped: that would be a test that cannot fail.
tested() {
    go test -count=1 -timeout 300s -v "$@" >"$scratch/test.log" 2>&1 || { grep -v '^=== ' "$scratch/test.log"; exit 1; }
    ! grep -- '--- SKIP' "$scratch/test.log"
    echo "go test $*: $(grep -c -- '--- PASS' "$scratch/test.log") tests passed"
}
# GOGC: an eager collector finds what is not kept alive.
GOGC=10 tested -race .
tested -race ./scenarios

# Linked statically: the same package, without the shared library.
static=(-tags countersign_static)
if [ -n "${COUNTERSIGN_LIB_DIR:-}" ] && [ -f "$COUNTERSIGN_LIB_DIR/libcountersign.a" ]; then
    (
        export CGO_CFLAGS="-I$COUNTERSIGN_INCLUDE_DIR -DCOUNTERSIGN_BUILD=$sum" CGO_LDFLAGS="-L$COUNTERSIGN_LIB_DIR"
        unset LD_LIBRARY_PATH PKG_CONFIG_PATH
        go vet "${static[@]}" ./...
        tested "${static[@]}" .
    )
fi

# One arena: what glibc's others keep for themselves looks like a leak, and is none.
MALLOC_ARENA_MAX=1 go run ./internal/leaks

bash readme.sh "replace github.com/countersign/countersign-go => $PWD"
