#!/usr/bin/env bash
# Checks that each case of rejected.cpp does not compile, for the reason that it gives, and that the
# file without a case does. COUNTERSIGN_CXX names the compilers.
#
#   rejected.sh INCLUDE_DIR
set -euo pipefail
cd "$(dirname "$0")"
read -ra compilers <<<"${COUNTERSIGN_CXX:-g++ clang++}"
output=$(mktemp)
trap 'rm -f "$output"' EXIT
fail() {
    echo "rejected.cpp: $1" >&2
    exit 1
}

count=0
for cxx in "${compilers[@]}"; do
    command=("$cxx" -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only "-I$1")
    [[ $cxx != clang* ]] || command+=(-Wdangling)
    "${command[@]}" rejected.cpp || fail "$cxx rejects the control"
    while read -r name only reason; do
        [[ $only == all: || $cxx == clang* ]] || continue
        if "${command[@]}" "-D$name" rejected.cpp >"$output" 2>&1; then
            fail "$cxx compiles $name"
        fi
        grep -qE "$reason" "$output" || { cat "$output" >&2 && fail "$cxx rejects $name for another reason"; }
        count=$((count + 1))
    done < <(sed -nE 's/^#ifdef ([A-Z_]+)  \/\/ (all|clang): (.*)$/\1 \2: \3/p' rejected.cpp)
done
echo "rejected: $count cases"
