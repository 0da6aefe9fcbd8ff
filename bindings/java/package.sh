#!/usr/bin/env bash
# Builds the jar, with the library for this platform: package.sh OUT
set -euo pipefail
out=$(mkdir -p "${1:?usage: package.sh OUT}" && cd "$1" && pwd)
. "$(dirname "$0")/maven.sh"
cd "$here"

: "${COUNTERSIGN_LIB_DIR:?the folder of libcountersign}"
# The folder has JNA's name of this platform.
case $(uname -s) in
    Linux) system=linux library=libcountersign.so.0 ;;
    Darwin) system=darwin library=libcountersign.0.dylib ;;
    *) system=win32 library=countersign.dll ;;
esac
case $(uname -m) in
    x86_64 | amd64) machine=x86-64 ;;
    arm64 | aarch64) machine=aarch64 ;;
    *) machine=$(uname -m) ;;
esac

staged=$run/resources
mkdir -p "$staged/native/$system-$machine"
cp -L "$COUNTERSIGN_LIB_DIR/$library" "$staged/native/$system-$machine/$library"

rm -rf "$scratch/package"
quiet_maven package \
    -Dmaven.test.skip=true -Dcountersign.native="$staged" -Dcountersign.build="$scratch/package"
# The jars of the sources and of the documentation stay in the build folder: only Maven Central needs them.
version=$(sed -n '0,/<version>/s/.*<version>\(.*\)<.version>.*/\1/p' pom.xml)
for kind in '' -sources -javadoc; do
    test -s "$scratch/package/countersign-$version$kind.jar"
done
cp "$scratch/package/countersign-$version.jar" "$out/"
ls "$out"/countersign-*.jar
