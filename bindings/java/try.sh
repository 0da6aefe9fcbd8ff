#!/usr/bin/env bash
# Adds a jar to an empty project and runs the README's example with a sandbox: try.sh JAR
set -euo pipefail
jar=$(realpath "${1:?usage: try.sh JAR}")
. "$(dirname "$0")/maven.sh"
# The library must come from the jar.
unset COUNTERSIGN_LIBRARY

project=$run/project
mkdir "$project"
cd "$project"
mkdir -p src/main/java
readme_example >src/main/java/Example.java
cat >pom.xml <<'POM'
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
    <dependency>
      <groupId>dev.countersign</groupId>
      <artifactId>countersign</artifactId>
      <version>0.1.0</version>
    </dependency>
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
quiet_maven org.apache.maven.plugins:maven-install-plugin:3.1.4:install-file -Dfile="$jar"
quiet_maven compile org.apache.maven.plugins:maven-dependency-plugin:3.9.0:build-classpath -Dmdep.outputFile=classpath
start_sandbox
COUNTERSIGN_CONFIG=$sandbox_dir/connections.toml java -cp "target/classes:$(cat classpath)" Example
