package dev.countersign;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * Creates, uses and frees objects in a loop, during which the process must not grow. Runs in its
 * own JVM.
 */
@EnabledOnOs(OS.LINUX)
class LeakTest {
    private static final int WARM_UP = 2_000;
    private static final int ROUNDS = 10_000;
    private static final int TOKENS = 300;
    private static final long PAGE = 4096;
    private static final long ALLOWED = 4 << 20;

    private final Sandbox sandbox = Sandbox.get();

    @Test
    void theProcessDoesNotGrow() throws IOException {
        sandbox.reset();
        byte[] secret = new byte[32];
        Map<String, String> settings = sandbox.settings("boldsign-cc");
        long latest = Callbacks.latest();
        long grown;
        try (Registry registry = new Registry()) {
            for (int round = 0; round < WARM_UP; round++) {
                once(registry, settings, secret);
            }
            tokens(TOKENS);
            long before = residentBytes();
            for (int round = 0; round < ROUNDS; round++) {
                once(registry, settings, secret);
            }
            tokens(TOKENS);
            grown = residentBytes() - before;
        }
        System.out.println("leak loop: " + ROUNDS + " rounds, " + TOKENS + " tokens, RSS grown by " + grown / 1024
                + " KiB to " + residentBytes() / 1024 + " KiB");
        assertEquals(0, Callbacks.keptAfter(latest), "callbacks kept");
        assertTrue(grown < ALLOWED, "RSS has grown by " + grown + " bytes");
    }

    /** Does everything that needs no network, and provokes errors. */
    private static void once(Registry registry, Map<String, String> settings, byte[] secret) {
        try (Client client = Client.builder()
                .registry(registry)
                .settings(settings)
                .clock(new TestClock())
                .onChange((change, token) -> {})
                .build()) {
            client.counts();
            client.invalidate("nothing");
            assertThrows(FixConfigurationException.class, client::consentUrl);
        }
        ClientBuilder nobody = Client.builder().registry(registry).setting("provider", "nobody");
        assertThrows(FixConfigurationException.class, nobody::build);
        try (Key key = Key.ofSecret(secret);
                Key device = Key.ofSigner("HS256", "1", input -> key.signBytes(input, "HS256"))) {
            String token = key.sign("{}", "HS256", null, "JWT");
            key.verify(token, "HS256");
            assertThrows(CountersignException.class, () -> key.verify(token + "A", "HS256"));
            assertThrows(CountersignException.class, device::info);
        }
    }

    private void tokens(int count) {
        try (Client client = sandbox.builder("boldsign-cc").build()) {
            for (int i = 0; i < count; i++) {
                client.refresh();
                client.token();
                client.accessToken();
            }
        }
    }

    private static long residentBytes() throws IOException {
        // The heap has a fixed size and is touched beforehand (see pom.xml), so only native memory can grow.
        System.gc();
        String[] pages = Files.readString(Path.of("/proc/self/statm")).split(" ");
        return Long.parseLong(pages[1]) * PAGE;
    }
}
