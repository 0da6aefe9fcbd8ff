#!/usr/bin/env bash
# Installs the tarball, and the addon's beside it, in an empty folder as the README says, and runs
# the README's program with the sandbox: try.sh TARBALL
set -euo pipefail
tarball="$(realpath "${1:?the tarball}")"
readme="$(cd "$(dirname "$0")" && pwd)/README.md"
: "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
# shellcheck source=../stores.sh
source "$(dirname "${BASH_SOURCE[0]}")/../stores.sh"
# The addon must come from its tarball.
unset COUNTERSIGN_ADDON
export npm_config_update_notifier=false

project="$(mktemp -d)"
sandbox=""
finish() {
  [ -z "$sandbox" ] || kill "$sandbox" 2>/dev/null || true
  rm -rf "$project"
}
trap finish EXIT
cd "$project"
mkdir app sandbox
export XDG_STATE_HOME="$project/state" XDG_CONFIG_HOME="$project/config"

"$COUNTERSIGN_SANDBOX" --tls --dir "$project/sandbox" >ready.json 2>sandbox.log &
sandbox=$!
for _ in $(seq 300); do
  [ -s ready.json ] && break
  sleep 0.1
done

cd app
mkdir -p DIR/packages
cp "$tarball" "${tarball%/*}"/countersign-*-*-*.tgz DIR/packages
install="$(sed -n '/^```sh$/,/^```$/s/^npm install /npm install --no-audit --no-fund --loglevel=error /p' "$readme")"
[ -n "$install" ]
eval "$install"
# The first block of JavaScript in the README, whose connection is `docusign-jwt`.
API="$(node -p 'JSON.parse(require("fs").readFileSync("../ready.json")).url')"
awk '/^```js$/ && !done {on=1; next} /^```$/ {if (on) done=1; on=0} on' "$readme" |
  sed "s#https://account-d.docusign.com#$API#" >example.mjs
COUNTERSIGN_CONFIG="$(node -p 'JSON.parse(require("fs").readFileSync("../ready.json")).connections')"
NODE_EXTRA_CA_CERTS="$(node -p 'JSON.parse(require("fs").readFileSync("../ready.json")).ca_file')"
export COUNTERSIGN_CONFIG NODE_EXTRA_CA_CERTS
node example.mjs | tee out.txt
grep -q '^200 ' out.txt
node -e 'require("countersign").settings()'
with_server_stores "$COUNTERSIGN_CONFIG" node example.mjs
echo "the README's example ran from $(basename "$tarball")"
