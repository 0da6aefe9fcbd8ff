#!/usr/bin/env bash
# Measures a call and a cached token, with a line of JSON per measurement.
set -euo pipefail
. "$(dirname "$0")/maven.sh"
cd "$here"

: "${COUNTERSIGN_LIB_DIR:?the folder of libcountersign}"
export COUNTERSIGN_LIBRARY="${COUNTERSIGN_LIBRARY:-$COUNTERSIGN_LIB_DIR/libcountersign.so.0}"
classpath=$run/classpath
quiet_maven test-compile dependency:build-classpath -Dmdep.outputFile="$classpath" >&2
java -Xmx256m -cp "$scratch/build/classes:$scratch/build/test-classes:$(cat "$classpath")" dev.countersign.Bench
