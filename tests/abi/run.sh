#!/usr/bin/env bash
# Tests the C ABI with every compiler, by linking, and with programs that misuse it. Prints a line
# for each part that passes, and exits with 1 at the first failure.
#
#   COUNTERSIGN_LIB_DIR, COUNTERSIGN_INCLUDE_DIR   an installed library, built with the feature test-hooks
#   COUNTERSIGN_SANDBOX                            the `countersign-sandbox` program
#   COUNTERSIGN_SCRATCH                            the build folder; defaults to a temporary one
#   COUNTERSIGN_CC, COUNTERSIGN_CXX                the compilers; default to "gcc clang" and "g++ clang++"
#   COUNTERSIGN_ABI_PARTS                          the parts to run; defaults to all:
#                                                  "headers links exports keys abuse valgrind sanitizers threads
#                                                  examples"
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lib=${COUNTERSIGN_LIB_DIR:?} include=${COUNTERSIGN_INCLUDE_DIR:?} command=${COUNTERSIGN_SANDBOX:?}
scratch=${COUNTERSIGN_SCRATCH:-$(mktemp -d)}/abi
read -ra ccs <<<"${COUNTERSIGN_CC:-gcc clang}"
read -ra cxxs <<<"${COUNTERSIGN_CXX:-g++ clang++}"
parts=${COUNTERSIGN_ABI_PARTS:-headers links exports keys abuse valgrind sanitizers threads examples}
strict=(-Wall -Wextra -Wpedantic -Werror "-I$include")
shared=("-L$lib" "-Wl,-rpath,$lib" -lcountersign -pthread)

main() {
    rm -rf "$scratch" && mkdir -p "$scratch" && cd "$scratch"
    export XDG_STATE_HOME=$scratch/state RUST_BACKTRACE=0
    # shellcheck source=sandbox.sh
    source "$here/sandbox.sh"
    sandbox_start "$command" "$scratch/sandbox"
    local part
    for part in $parts; do "part_$part"; done
    echo "abi: all passed"
}

fail() {
    echo "abi: $1" >&2
    exit 1
}

# Compiles each header alone, twice in one unit, and in two units of one program, in every language
# and with every compiler. The parts of countersign.hpp are only compiled alone and twice.
part_headers() {
    local cc std header count=0
    echo 'int main(void) { return 0; }' >main.c
    for header in countersign.h countersign_plugin.h countersign.hpp countersign_abi.hpp countersign/curl.hpp; do
        echo "#include <$header>" >first.c
        printf '#include <%s>\n#include <%s>\n' "$header" "$header" >second.c
        if [[ $header == *.h ]]; then
            for cc in "${ccs[@]}"; do for std in c99 c11 c17; do
                "$cc" -std=$std "${strict[@]}" main.c first.c second.c -o two "${shared[@]}" || fail "$header: $cc $std"
                count=$((count + 1))
            done; done
        fi
        for cc in "${cxxs[@]}"; do for std in c++17 c++20 c++2b; do
            "$cc" -x c++ -std=$std "${strict[@]}" main.c first.c second.c -o two "${shared[@]}" ||
                fail "$header: $cc $std"
            count=$((count + 1))
        done; done
    done
    for header in "$include"/countersign/*.hpp; do
        printf '#include <%s>\n#include <%s>\n' "countersign/${header##*/}" "countersign/${header##*/}" >part.c
        for cc in "${cxxs[@]}"; do
            "$cc" -x c++ -std=c++17 "${strict[@]}" -fsyntax-only part.c || fail "$header: $cc"
            count=$((count + 1))
        done
    done
    for cc in "${cxxs[@]}"; do
        "$cc" -x c++ -std=c++17 -fno-exceptions -fno-rtti "${strict[@]}" -c second.c -o second.o ||
            fail "countersign.hpp: $cc -fno-exceptions"
        count=$((count + 1))
    done
    printf '#include <countersign.h>\n#include <countersign_plugin.h>\n' >both.c
    for cc in "${ccs[@]}"; do "$cc" -std=c99 "${strict[@]}" -c both.c -o both.o || fail "both headers: $cc"; done
    echo "headers: $count compilations without warnings"
}

# Links a program with the shared library, which must be needed by its soname, with the static one,
# and without any shared library.
part_links() {
    local cc
    local -a archive whole
    read -ra archive < <(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --cflags --libs countersign-static)
    read -ra whole < <(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --static --cflags --libs countersign)
    for cc in "${ccs[@]}"; do
        "$cc" -std=c99 "${strict[@]}" "$here/smallest.c" -o shared-c "${shared[@]}"
        readelf -d shared-c | grep 'NEEDED.*\[libcountersign\.so\.0\]' >needed || fail "$cc: not linked by the soname"
        ./shared-c || fail "$cc: the program with the shared library"
        "$cc" -std=c99 "${strict[@]}" "$here/smallest.c" "${archive[@]}" -o static-c
        ! readelf -d static-c | grep libcountersign >needed || fail "$cc: the static program needs the shared library"
        ./static-c || fail "$cc: the program with the static library"
        # The linker warns that name resolution loads glibc's shared libraries.
        "$cc" -static -std=c99 "${strict[@]}" "$here/smallest.c" "${whole[@]}" -o whole-c 2>whole.log ||
            fail "$cc: -static: $(cat whole.log)"
        ! readelf -d whole-c | grep NEEDED >needed || fail "$cc: the -static program needs $(cat needed)"
        ./whole-c || fail "$cc: the -static program"
    done
    echo "links: shared, static and with -static, with ${ccs[*]}"
}

# Checks that null_arguments.c calls every exported function.
part_exports() {
    nm -D --defined-only "$lib/libcountersign.so" | awk '$3 ~ /^csign_/ {print $3}' | sort >exported
    grep -oE '\bcsign_[a-z0-9_]+' "$here/null_arguments.c" | sort -u | comm -12 - exported >called
    diff exported called >missing || fail "null_arguments.c does not call: $(sed -n 's/^< //p' missing | tr '\n' ' ')"
    echo "exports: NULL in every argument of $(wc -l <exported) functions"
}

# Keys that the library rejects without aws-lc: the command in the hint converts the key to a usable
# one. If no command can, the hint says which key to create instead.
part_keys() {
    build "${ccs[0]}" key_hint -O1
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out whole.key
    converted compressed "openssl ec -in whole.key -conv_form compressed -out key.pem"
    converted no-public "openssl ec -in whole.key -no_public -out key.pem"
    converted explicit "openssl ec -in whole.key -param_enc explicit -out key.pem"
    replaced P-521 'P-256 or P-384' "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out key.pem"
    replaced RSA-4104 '2048 to 4096 bits' "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4104 -out key.pem"
    echo "keys: 3 converted by the hint's command, 2 with a hint which key to create"
}

# converted WHAT COMMAND: COMMAND creates key.pem, and the command in its hint converts it to a
# usable key.
converted() {
    local hint made
    $2 2>openssl.log || fail "$1: $(cat openssl.log)"
    hint=$(./key_hint key.pem) || fail "$1: $hint"
    [[ $hint == *" with: openssl "* ]] || fail "$1: no command in the hint: $hint"
    made=$(sed 's/.* with: //; s/ (.*//' <<<"$hint")
    $made 2>openssl.log || fail "$1: $made: $(cat openssl.log)"
    [[ $(./key_hint "${made##* -out }") == usable ]] || fail "$1: $made does not create a usable key"
}

# replaced WHAT INSTEAD COMMAND: COMMAND creates key.pem, whose hint says which key to create
# instead.
replaced() {
    local hint
    $3 2>openssl.log || fail "$1: $(cat openssl.log)"
    hint=$(./key_hint key.pem) || fail "$1: $hint"
    [[ $hint == *"create "*"$2"* ]] || fail "$1: the hint says: $hint"
}

programs=(null_arguments arguments freed callbacks completion reentry panic fork threads)

part_abuse() {
    local cc program
    for cc in "${ccs[@]}"; do
        for program in "${programs[@]}"; do
            build "$cc" "$program" -O1
            quiet "$program" timeout 120 "./$program" "$sandbox_dir"
        done
        echo "abuse: ${#programs[@]} programs, with $cc: the documented status each time, and no output"
    done
}

# The fair scheduler is for fork.c: its threads call all the time, without system calls, and would
# starve the main one.
part_valgrind() {
    local program
    for program in "${programs[@]}"; do
        build "${ccs[0]}" "$program" -O1
        if ! quiet "$program" timeout 300 valgrind -q --fair-sched=yes --leak-check=full --show-leak-kinds=definite,possible \
            --errors-for-leak-kinds=definite,possible --error-exitcode=9 --suppressions="$here/valgrind.supp" \
            --log-file="valgrind-$program.%p" "./$program" "$sandbox_dir"; then
            cat valgrind-"$program".*
            fail "valgrind: $program"
        fi
        [[ -z $(cat valgrind-"$program".*) ]] || { cat valgrind-"$program".*; fail "valgrind: $program"; }
    done
    echo "valgrind: ${#programs[@]} programs: no invalid access, no definite or possible leak"
}

# Instruments only the C programs, but the library uses the sanitizer's malloc and free, too.
part_sanitizers() {
    local program
    for program in "${programs[@]}"; do
        build gcc "$program" -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
        nm "$program" | grep __asan_init >symbols || fail "$program: no AddressSanitizer in it"
        nm "$program" | grep __ubsan >symbols || fail "$program: no UndefinedBehaviorSanitizer in it"
        quiet "$program" timeout 300 env ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 \
            "./$program" "$sandbox_dir"
    done
    echo "sanitizers: ${#programs[@]} programs under ASan (with leaks) and UBSan"
}

# Checks the C side of sixteen threads on one client. The library is not instrumented, and its locks
# are futexes that ThreadSanitizer doesn't see. So this ignores the library and leaves out programs
# that pass data through it.
part_threads() {
    build gcc threads -O1 -fsanitize=thread
    nm threads | grep __tsan_init >symbols || fail "threads: no ThreadSanitizer in it"
    quiet threads timeout 300 env TSAN_OPTIONS=ignore_noninstrumented_modules=1 ./threads "$sandbox_dir"
    echo "threads: 16 threads on one client, the C side under ThreadSanitizer"
}

# Builds the examples like a user, with pkg-config and with CMake, and runs them, also under
# valgrind and the sanitizers. Each uses its own sandbox.
part_examples() {
    local language compiler source flags
    for language in c cpp; do
        source=$here/../../examples/$language/five_jobs.$language
        compiler=${ccs[0]} flags=(-std=c11)
        [[ $language == c ]] || { compiler=${cxxs[0]} flags=(-std=c++17); }
        local -a found
        read -ra found < <(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --cflags --libs countersign)
        flags+=(-g -Wall -Wextra -Wpedantic -Werror "$source" "${found[@]}" "-Wl,-rpath,$lib" -pthread)
        "$compiler" "${flags[@]}" -o "jobs-$language"
        five_jobs "jobs-$language" "./jobs-$language"

        CC=${ccs[0]} CXX=${cxxs[0]} cmake -S "$here/../../examples/$language" -B "cmake-$language" -DCMAKE_PREFIX_PATH="$(dirname "$lib")" \
            >cmake.log || fail "cmake: $(cat cmake.log)"
        cmake --build "cmake-$language" >cmake.log || fail "cmake: $(cat cmake.log)"
        five_jobs "cmake-$language" "cmake-$language/five_jobs"
        five_jobs "cmake-$language static" "cmake-$language/five_jobs_static"

        five_jobs "valgrind $language" valgrind -q --leak-check=full --show-leak-kinds=definite,possible \
            --errors-for-leak-kinds=definite,possible --error-exitcode=9 --suppressions="$here/valgrind.supp" \
            "./jobs-$language"
        [[ $language == c ]] && compiler=gcc || compiler=g++
        "$compiler" -fsanitize=address,undefined -fno-sanitize-recover=all "${flags[@]}" -o "asan-$language"
        nm "asan-$language" | grep __asan_init >symbols || fail "asan-$language: no AddressSanitizer in it"
        five_jobs "sanitizers $language" "./asan-$language"
        echo "examples/$language: pkg-config, CMake shared and static, valgrind, ASan and UBSan"
    done
}

# Runs an example against a new sandbox.
five_jobs() {
    local what=$1
    shift
    (
        sandbox_start "$command" "$(mktemp -d "$scratch/jobs.XXXXXX")/sandbox"
        timeout 300 "$@" "$sandbox_dir" >jobs.log 2>&1 || fail "$what: $(cat jobs.log)"
        [[ $(tail -n 1 jobs.log) == "all five jobs done" ]] || fail "$what: $(cat jobs.log)"
    )
}

build() {
    local cc=$1 program=$2
    shift 2
    "$cc" -std=c11 -D_POSIX_C_SOURCE=200809L -g "${strict[@]}" "$@" "$here/$program.c" -o "$program" "${shared[@]}" ||
        fail "$program: $cc"
}

# Runs a program that must succeed and print nothing, except Rust's message for a deliberate panic.
quiet() {
    local program=$1 status=0 said
    shift
    "$@" >said 2>&1 || status=$?
    if [[ $program == panic ]]; then
        [[ $(grep -c '^asked for by a test$' said) == 2 ]] || fail "panic: not the two messages: $(cat said)"
        said=$(grep -vE "^$|^asked for by a test$|^thread '.*panicked at |^note: run with .RUST_BACKTRACE" said || true)
    else
        said=$(cat said)
    fi
    [[ $status == 0 && -z $said ]] || fail "$program ended with $status and printed: $said"
}

main "$@"
