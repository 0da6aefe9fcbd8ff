package dev.countersign;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class RegistryTest {
    @Test
    void builtInProviders() {
        try (Registry registry = new Registry()) {
            List<String> ids = registry.providers().stream().map(ProviderInfo::id).toList();
            assertTrue(ids.containsAll(List.of("docusign", "salesforce", "boldsign")), ids.toString());
        }
    }

    @Test
    void anInvalidProfileIsRejected() {
        try (Registry registry = new Registry()) {
            CountersignException failure =
                    assertThrows(FixConfigurationException.class, () -> registry.addProfile("id = 1"));
            assertEquals(ErrorKind.SETTING, failure.kind());
        }
    }

    @Test
    void aMissingPluginIsRejected() {
        try (Registry registry = new Registry()) {
            registry.setLogger(new TestLogger(System.Logger.Level.TRACE, (level, line) -> {}));
            CountersignException failure = assertThrows(
                    CountersignException.class, () -> registry.loadPlugin(Path.of("/nowhere/plugin.so")));
            assertTrue(failure.getMessage().contains("/nowhere/plugin.so"), failure.getMessage());
        }
    }

    @Test
    void pluginsLog() {
        List<String> lines = new CopyOnWriteArrayList<>();
        try (Registry registry = new Registry()) {
            registry.setLogger(new TestLogger(System.Logger.Level.TRACE, (level, line) -> lines.add(line)));
            useAPlugin(registry);
        }
        assertTrue(lines.stream().anyMatch(line -> line.contains("looks at a connection")), lines.toString());
    }

    @Test
    void aLoggerThatLogsNothingReplacesAnEarlierOne() {
        List<String> lines = new CopyOnWriteArrayList<>();
        try (Registry registry = new Registry()) {
            registry.setLogger(new TestLogger(System.Logger.Level.TRACE, (level, line) -> lines.add(line)));
            registry.setLogger(new TestLogger(System.Logger.Level.OFF, (level, line) -> {}));
            useAPlugin(registry);
        }
        assertEquals(List.of(), lines);
    }

    private static void useAPlugin(Registry registry) {
        registry.loadPlugin(Path.of(System.getenv("COUNTERSIGN_PLUGINS"), "v1_0.so"));
        Map<String, String> settings = Map.of(
                "provider", "frozen",
                "grant", "client-credentials",
                "client_id", "app",
                "client_secret", "s3cret",
                "store", "memory");
        Client.builder().registry(registry).settings(settings).build().close();
    }

    @Test
    void clientsWorkAfterTheirRegistryIsClosed() {
        Sandbox sandbox = Sandbox.get();
        sandbox.reset();
        Registry registry = new Registry();
        try (Client client = sandbox.builder("boldsign-cc").registry(registry).build()) {
            registry.close();
            assertEquals(Source.MINTED, client.token().source());
        }
        ClientBuilder late = sandbox.builder("boldsign-cc").registry(registry);
        assertThrows(ClosedException.class, late::build);
    }
}
