#!/usr/bin/env bash
# Builds the package, and runs its tests, the scenarios, the leak test, javadoc and the README's
# example. README.md describes the variables.
set -euo pipefail
. "$(dirname "$0")/maven.sh"
cd "$here"

: "${COUNTERSIGN_LIB_DIR:?the folder of libcountersign}"
: "${COUNTERSIGN_SANDBOX:?the path of countersign-sandbox}"
: "${COUNTERSIGN_SCENARIOS:?the folder tests/scenarios}"
: "${COUNTERSIGN_PLUGINS:?a folder that tests/scenarios/plugins.sh has filled}"
for library in libcountersign.so.0 libcountersign.0.dylib countersign.dll; do
    if [ -e "$COUNTERSIGN_LIB_DIR/$library" ]; then
        export COUNTERSIGN_LIBRARY="$COUNTERSIGN_LIB_DIR/$library"
    fi
done

# The package is built with JDK 17. Virtual threads need a later one.
if [ -z "${COUNTERSIGN_JDK_21:-}" ]; then
    for jdk in /usr/lib/jvm/*/; do
        version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$jdk/release" 2>/dev/null || true)
        [ "${version:-0}" -lt 21 ] || export COUNTERSIGN_JDK_21=$jdk
    done
fi
echo "Virtual threads: ${COUNTERSIGN_JDK_21:-not tested, no JDK 21}"

maven test
quiet_maven javadoc:javadoc

echo "Tests again, with the JVM checking each native call"
log=$scratch/check-jni.log
COUNTERSIGN_SCENARIO_RESULTS='' quiet_maven surefire:test@default-test -Dcountersign.jvm=-Xcheck:jni >"$log" 2>&1 ||
    { cat "$log"; exit 1; }
# Two warnings are about JNA's own code: where it loads itself, and where it attaches a thread of
# the library.
known='JNI local refs: 33, exceeds capacity: 32|without checking exceptions when required to from CallStaticObjectMethod'
if grep -E 'WARNING in native method|FATAL ERROR in native method|WARNING: JNI' "$log" | grep -vE "$known"; then
    echo "-Xcheck:jni reported the above; the complete log is $log" >&2
    exit 1
fi

echo "The README's example"
example=$run/example
mkdir "$example"
readme_example >"$example/Example.java"
quiet_maven dependency:build-classpath -Dmdep.outputFile="$example/classpath" -DincludeScope=runtime
classpath=$scratch/build/classes:$(cat "$example/classpath")
javac -Xlint:all -Werror -cp "$classpath" -d "$example" "$example/Example.java"
start_sandbox
run_example -cp "$classpath:$example"
