package dev.countersign;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Runs the scenarios, which {@code tests/scenarios/README.md} specifies. */
class ScenarioTest {
    private static final JsonObject RESULTS = new JsonObject();

    @TestFactory
    Stream<DynamicTest> scenarios() throws IOException {
        String folder = System.getenv("COUNTERSIGN_SCENARIOS");
        if (folder == null) {
            throw new IllegalStateException("COUNTERSIGN_SCENARIOS is not set: run the tests with test.sh");
        }
        try (Stream<Path> files = Files.list(Path.of(folder))) {
            List<Path> scenarios = files.filter(file -> file.toString().endsWith(".json"))
                    .sorted()
                    .toList();
            return scenarios.stream().map(file -> DynamicTest.dynamicTest(name(file), () -> run(file)));
        }
    }

    @AfterAll
    static void write() throws IOException {
        String folder = System.getenv("COUNTERSIGN_SCENARIO_RESULTS");
        if (folder == null || folder.isEmpty()) {
            return;
        }
        JsonObject all = new JsonObject();
        all.addProperty("language", "java");
        all.add("scenarios", RESULTS);
        Files.writeString(
                Path.of(folder, "java.json"),
                new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create().toJson(all));
    }

    private static void run(Path file) throws Exception {
        try {
            JsonObject scenario = JsonParser.parseString(Files.readString(file, StandardCharsets.UTF_8))
                    .getAsJsonObject();
            Members members = Members.of(
                    scenario, "name", "about", "connection", "settings", "clock", "signer", "listener", "plugin", "open",
                    "steps", "requests");
            if (!members.text("name").equals(name(file))) {
                throw new AssertionError("the scenario's name is " + members.text("name"));
            }
            new ScenarioRun(Sandbox.get(), members).run();
            RESULTS.addProperty(name(file), "ok");
        } catch (Exception | Error failure) {
            RESULTS.addProperty(name(file), "failed: " + failure);
            // The report doesn't contain the names of dynamic tests.
            throw new AssertionError(name(file) + ": " + failure.getMessage(), failure);
        }
    }

    private static String name(Path file) {
        return file.getFileName().toString().replaceFirst("\\.json$", "");
    }
}
