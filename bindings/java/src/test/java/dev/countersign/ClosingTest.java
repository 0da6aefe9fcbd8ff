package dev.countersign;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Closing a client and the exit of the JVM wait for a request that was sent. */
class ClosingTest {
    /** How long to watch for a close that doesn't wait. */
    private static final long PREMATURE_MS = 300;
    /** The same for the JVM, which waits up to 300 ms for a thread in native code. */
    private static final long PREMATURE_EXIT_MS = 1000;

    private final CountDownLatch release = new CountDownLatch(1);

    @TempDir
    private Path folder;

    private ApiServer server;

    @BeforeEach
    void start() throws IOException {
        server = new ApiServer().respondsAfter(release, """
                {"access_token": "rotated", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "next"}""");
    }

    @AfterEach
    void stop() {
        release.countDown();
        server.close();
    }

    @Test
    void closeWaitsForARefreshThatWasSent() throws Exception {
        Client client = open(settings());
        CompletableFuture<Token> asked = client.tokenAsync();
        awaitRequest();
        Thread closing = new Thread(client::close);
        closing.start();
        closing.join(PREMATURE_MS);
        assertTrue(closing.isAlive(), "close returned before the response arrived");
        release.countDown();
        closing.join();
        assertEquals("rotated", asked.get(20, TimeUnit.SECONDS).accessToken());
        assertStored();
    }

    @Test
    void closeGivesUpOnce() throws Exception {
        Client client = open(settings());
        CompletableFuture<Token> asked = client.tokenAsync();
        awaitRequest();
        // Nobody waits for the request any more, so that closing frees the client.
        asked.cancel(false);
        long begun = System.nanoTime();
        client.close(Duration.ofMillis(PREMATURE_MS));
        Duration took = Duration.ofNanos(System.nanoTime() - begun);
        assertTrue(took.compareTo(Client.DRAIN.dividedBy(2)) < 0, () -> "it waited again, " + took + " in all");
        // The request goes on, and its token is stored.
        release.countDown();
        assertStored();
    }

    @Test
    void closeThrowsIfANewTokenIsNotStored() throws Exception {
        Map<String, String> settings = settings();
        settings.put("grant", "client-credentials");
        settings.remove("refresh_token");
        Client client = open(settings);
        CompletableFuture<Token> asked = client.tokenAsync();
        awaitRequest();
        // A file takes the place of the store's folder.
        Path store = folder.resolve("tokens");
        Sandbox.deleteTree(store);
        Files.createFile(store);
        release.countDown();
        CompletionException reported = assertThrows(CompletionException.class, asked::join);
        assertEquals(ErrorKind.STORE, assertInstanceOf(CountersignException.class, reported.getCause()).kind());
        CountersignException lost = assertThrows(CountersignException.class, client::close);
        assertEquals(ErrorKind.STORE, lost.kind());
        assertThrows(ClosedException.class, client::token);
        client.close();
    }

    @Test
    void theHookIsRemovedWithTheLastClient() {
        Client client = open(settings());
        assertTrue(Ending.isHooked());
        client.close();
        client.close();
        // Clients of other tests, which are not closed, are freed by the garbage collector.
        Patience.until(Duration.ofSeconds(60), () -> {
            System.gc();
            return !Ending.isHooked();
        });
    }

    @Test
    void theExitWaitsForARefreshThatWasSent() throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-cp",
                System.getProperty("java.class.path"),
                Exits.class.getName()));
        settings().forEach((key, value) -> command.add(key + "=" + value));
        Process process = new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            awaitRequest();
            process.getOutputStream().close();
            assertFalse(
                    process.waitFor(PREMATURE_EXIT_MS, TimeUnit.MILLISECONDS),
                    "the JVM exited before the response arrived");
            release.countDown();
            assertTrue(process.waitFor(20, TimeUnit.SECONDS), "the JVM did not exit");
            assertEquals(0, process.exitValue());
        } finally {
            process.destroyForcibly();
        }
        assertStored();
    }

    private void awaitRequest() {
        Patience.until(Duration.ofSeconds(60), () -> !server.calls().isEmpty());
    }

    /** Checks that a new client finds the token in the store. */
    private void assertStored() {
        try (Client client = open(settings())) {
            assertEquals("rotated", client.accessToken());
            assertEquals(1, server.calls().size());
        }
    }

    private Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("provider", "boldsign");
        settings.put("environment", "us");
        settings.put("grant", "refresh-token");
        settings.put("base_url", server.url(""));
        settings.put("client_id", "my-app");
        settings.put("client_secret", "s3cret");
        settings.put("redirect_uri", "http://127.0.0.1/callback");
        // A unique refresh token: the library remembers spent ones independently of the store.
        settings.put("refresh_token", "first of " + folder);
        settings.put("store", "file:" + folder.resolve("tokens"));
        return settings;
    }

    private static Client open(Map<String, String> settings) {
        return Client.builder().name("held").settings(settings).build();
    }

    /** A program that exits during a refresh, when its input ends. */
    static final class Exits {
        private Exits() {}

        public static void main(String[] arguments) throws IOException {
            Map<String, String> settings = new LinkedHashMap<>();
            for (String argument : arguments) {
                int equals = argument.indexOf('=');
                settings.put(argument.substring(0, equals), argument.substring(equals + 1));
            }
            Thread refresh = new Thread(open(settings)::token);
            refresh.setDaemon(true);
            refresh.start();
            System.in.read();
        }
    }
}
