#!/usr/bin/env bash
# Installs a jar and adds it to an empty project as the README says, and runs the README's example
# with a sandbox: try.sh JAR
set -euo pipefail
jar=$(realpath "${1:?usage: try.sh JAR}")
. "$(dirname "$0")/maven.sh"
# shellcheck source=../stores.sh
. "$here/../stores.sh"
# The library must come from the jar.
unset COUNTERSIGN_LIBRARY

project=$run/project
mkdir "$project"
cd "$project"
mkdir -p src/main/java
readme_example >src/main/java/Example.java
dependency=$(awk '/^```xml$/ { on = 1; next } /^```$/ { if (on) exit } on' "$here/README.md")
cat >pom.xml <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>example</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
$dependency
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <artifactId>maven-compiler-plugin</artifactId>
        <version>3.14.1</version>
      </plugin>
      <plugin>
        <artifactId>maven-resources-plugin</artifactId>
        <version>3.3.1</version>
      </plugin>
    </plugins>
  </build>
</project>
POM
# In a folder with a pom.xml, Debian's Maven would resolve plain install: to a plugin that is too old.
install=$(awk '/^```sh$/ { on = 1; next } /^```$/ { if (on) exit } on' "$here/README.md")
install=${install/#mvn /quiet_maven }
eval "${install//DIR\/packages\/countersign-0.1.0.jar/\"\$jar\"}"
quiet_maven compile org.apache.maven.plugins:maven-dependency-plugin:3.9.0:build-classpath -Dmdep.outputFile=classpath
start_sandbox
classpath=target/classes:$(cat classpath)
run_example -cp "$classpath"
with_server_stores "$sandbox_dir/connections.toml" example -cp "$classpath"
# As a module, with the program on the class path.
run_example -p "${classpath#*:}" --add-modules dev.countersign -cp target/classes
