package dev.countersign;

import java.io.IOException;
import java.io.StringWriter;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertTrue;

/** Compiles every Java block of the README. {@code test.sh} runs the first one. */
class ReadmeTest {
    private static final Pattern BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
    private static final String BEFORE =
            """
            import dev.countersign.*;
            import java.net.*;
            import java.net.http.*;
            import java.nio.file.*;
            import java.time.*;
            import java.util.*;
            class Block%d {
            void run(%s) throws Exception {
            """;

    @Test
    void everyBlockCompiles(@TempDir Path folder) throws Exception {
        List<String> blocks = blocks();
        assertTrue(blocks.size() >= 4, "blocks: " + blocks.size());
        for (int i = 0; i < blocks.size(); i++) {
            compile(i, blocks.get(i), folder);
        }
    }

    @Test
    void theFirstProgramHasAtMostTenLines() throws Exception {
        List<String> lines = blocks().get(0)
                .lines()
                .filter(line -> !line.isBlank() && !line.startsWith("import "))
                .toList();
        assertTrue(lines.size() <= 10, lines.toString());
    }

    @Test
    void theUnitTestPasses(@TempDir Path folder) throws Exception {
        String block =
                blocks().stream().filter(one -> one.contains("@Test")).findFirst().orElseThrow();
        compile(0, block, folder);
        try (URLClassLoader loader = new URLClassLoader(new URL[] {folder.toUri().toURL()})) {
            Constructor<?> test = loader.loadClass(className(block)).getDeclaredConstructor();
            test.setAccessible(true);
            Method method = test.getDeclaringClass().getDeclaredMethod("theRequestHasTheToken");
            method.setAccessible(true);
            method.invoke(test.newInstance());
        }
    }

    private static List<String> blocks() throws IOException {
        String readme = Files.readString(Path.of("README.md"));
        return BLOCK.matcher(readme).results().map((MatchResult found) -> found.group(1)).toList();
    }

    private static String className(String block) {
        Matcher name = Pattern.compile("^(?:public )?class (\\w+)", Pattern.MULTILINE).matcher(block);
        assertTrue(name.find(), block);
        return name.group(1);
    }

    private static void compile(int number, String block, Path folder) {
        boolean whole = block.contains("\nclass ") || block.contains("public class ");
        String given = block.contains("Client client =") ? "String query" : "Client client, String query";
        String source = whole ? block : String.format(BEFORE, number, given) + block + "}}";
        String name = whole ? className(block) : "Block" + number;
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter messages = new StringWriter();
        boolean done = compiler.getTask(
                        messages,
                        null,
                        null,
                        List.of("-d", folder.toString(), "-cp", System.getProperty("java.class.path")),
                        null,
                        List.of(new Text(name, source)))
                .call();
        assertTrue(done, () -> messages + "\n" + source);
    }

    private static final class Text extends SimpleJavaFileObject {
        private final String source;

        Text(String name, String source) {
            super(URI.create("string:///" + name + ".java"), JavaFileObject.Kind.SOURCE);
            this.source = source;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return source;
        }
    }
}
