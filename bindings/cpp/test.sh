#!/usr/bin/env bash
# Tests countersign.hpp: its own tests, the README's examples, the scenarios, and leaks. Requires
# curl, g++ and clang++, and for the scenarios nlohmann-json and libcurl (Debian:
# nlohmann-json3-dev libcurl4-openssl-dev).
set -euo pipefail
cd "$(dirname "$0")"
: "${COUNTERSIGN_SCENARIOS:?the folder tests/scenarios}"
: "${COUNTERSIGN_PLUGINS:?a folder that tests/scenarios/plugins.sh has filled}"
source ./environment.sh

for package in nlohmann_json libcurl; do
    pkg-config --exists "$package" || {
        echo "$package is missing: apt-get install nlohmann-json3-dev libcurl4-openssl-dev" >&2
        exit 1
    }
done

# What needs no server, as each version of the language. Newer compilers, which have std::expected
# and std::format, are used if they are installed.
for build in "g++ -std=c++17" "g++ -std=c++20" "g++ -std=c++2b" "clang++ -std=c++17" "clang++ -std=c++2b" \
    "clang++-19 -std=c++23" "clang++-19 -std=c++23 -stdlib=libc++"; do
    read -ra flags <<<"$build"
    command -v "${flags[0]}" >/dev/null || continue
    cxx=${flags[0]} compile "$scratch/result" "${flags[@]:1}" tests/result.cpp
    echo -n "$build: "
    "$scratch/result"
done
tests/rejected.sh "$COUNTERSIGN_INCLUDE_DIR"

rm -rf "$scratch/sandbox" "$scratch/sandbox.ready" "$scratch/played"
sandbox_start "$COUNTERSIGN_SANDBOX" "$scratch/sandbox"

# A response that says when the refresh token expires, unlike the sandbox's own.
curl -sf --cacert "$sandbox_ca" -d '{"status": 200, "provider": "salesforce", "grant": "refresh-token",
    "content_type": "application/json", "body":
    "{\"access_token\":\"a\",\"refresh_token\":\"r1\",\"refresh_token_expires_in\":5000}"}' "$sandbox_url/_sandbox/faults" >/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out "$sandbox_dir/p521.pem"
compile "$scratch/header" tests/header.cpp
"$scratch/header" "$sandbox_dir"

rm -rf "$scratch/held"
mkdir "$scratch/held"
compile "$scratch/closing" tests/closing.cpp
"$scratch/closing" "$(mktemp -d "$scratch/held/XXXXXX")"

# Run each marked block of the README as a program.
awk -v out="$scratch/readme" '/^<!-- runs -->$/ { marked = 1; next }
    marked && /^```cpp$/ { file = out (++count) ".cpp"; printf "" > file; writing = 1; next }
    /^```$/ { writing = 0; marked = 0 }
    writing { print > file }' README.md
for example in "$scratch"/readme[0-9]*.cpp; do
    compile "${example%.cpp}" "$example"
    COUNTERSIGN_CONFIG=$sandbox_dir/connections.toml "${example%.cpp}"
done

read -ra curl < <(pkg-config --cflags --libs nlohmann_json libcurl)

# The README's program that calls an API.
awk '/^<!-- calls an API -->$/ { marked = 1 }
    /^```$/ { marked = 0 }
    marked && writing { print }
    /^```cpp$/ { writing = marked }' README.md >"$scratch/api.cpp"
(($(wc -l <"$scratch/api.cpp") <= 10)) || { echo "README.md: the program has more than ten lines" >&2; exit 1; }
compile "$scratch/api" "$scratch/api.cpp" "${curl[@]}"
COUNTERSIGN_CONFIG=$sandbox_dir/connections.toml "$scratch/api" "$sandbox_url/oauth/userinfo" "$sandbox_ca" | grep '^200 ' >/dev/null

cp -r "$COUNTERSIGN_SCENARIOS/profiles" "$sandbox_dir"
compile "$scratch/adapters" tests/adapters.cpp "${curl[@]}"
"$scratch/adapters" "$sandbox_dir" ../../tests/adapters/cases.json
compile "$scratch/scenarios" scenarios/*.cpp "${curl[@]}"
mkdir "$scratch/played"
"$scratch/scenarios" "$scratch/played"

compile "$scratch/leak" -O1 tests/leak.cpp
"$scratch/leak" "$sandbox_dir"
