package dev.countersign;

import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.stream.Stream;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.CompletableFuture;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class CallbackTest {
    private static final Logger LOGGER = Logger.getLogger("dev.countersign");

    private final Sandbox sandbox = Sandbox.get();
    private final List<LogRecord> reported = new CopyOnWriteArrayList<>();
    private final Handler reports = new Handler() {
        @Override
        public void publish(LogRecord line) {
            reported.add(line);
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    @BeforeEach
    void listen() {
        sandbox.reset();
        LOGGER.setUseParentHandlers(false);
        LOGGER.addHandler(reports);
    }

    @AfterEach
    void stop() {
        LOGGER.removeHandler(reports);
        LOGGER.setUseParentHandlers(true);
    }

    @Test
    void aListenersExceptionIsLogged() {
        AtomicReference<Token> heard = new AtomicReference<>();
        IllegalStateException mine = new IllegalStateException("a bug in the listener");
        try (Client client = sandbox.builder("docusign-jwt")
                .onChange((change, token) -> {
                    heard.set(token);
                    throw mine;
                })
                .build()) {
            assertEquals(client.token().accessToken(), heard.get().accessToken());
            assertSame(mine, reported.get(0).getThrown());
        }
    }

    @Test
    void aSignerReplacesTheKeyFile() throws Exception {
        Key key = Key.read(Path.of(sandbox.settings("docusign-jwt").get("private_key_file")));
        ClientBuilder builder =
                sandbox.builder("docusign-jwt").signer("RS256", null, input -> key.signBytes(input, "RS256"));
        CountersignException rejected = assertThrows(FixConfigurationException.class, builder::build);
        assertEquals("private_key", rejected.setting().orElseThrow());
        try (Client client = builder.unset("private_key").unset("private_key").build()) {
            assertEquals(Source.MINTED, client.token().source());
        }
        // Settings apply in order.
        builder.setting("private_key_env", "NO_SUCH_VARIABLE");
        assertThrows(FixConfigurationException.class, builder::build);
        builder.unset("private_key").build().close();
        rejected = assertThrows(
                FixConfigurationException.class, () -> builder.unset("private_kee").build());
        assertTrue(rejected.getMessage().contains("`private_key`"), rejected.getMessage());
    }

    @Test
    void theLogContainsNoSecrets() {
        List<String> lines = new CopyOnWriteArrayList<>();
        try (Client client = sandbox.builder("docusign-jwt")
                .logger(new TestLogger(System.Logger.Level.TRACE, (level, line) -> lines.add(level + " " + line)))
                .build()) {
            String token = client.token().accessToken();
            assertFalse(lines.isEmpty());
            assertTrue(lines.stream().noneMatch(line -> line.contains(token)));
        }
    }

    @Test
    void aLogThatThrowsOnlyLosesLines() {
        try (Client client = sandbox.builder("docusign-jwt")
                .logger(new TestLogger(System.Logger.Level.TRACE, (level, line) -> {
                    throw new IllegalStateException("the disk is full");
                }))
                .build()) {
            assertEquals(Source.MINTED, client.token().source());
            assertFalse(reported.isEmpty());
        }
    }

    @Test
    void theSystemClockReplacesAClockThatThrows() {
        InstantSource broken = () -> {
            throw new IllegalStateException("no battery");
        };
        try (Client client = sandbox.builder("docusign-jwt").clock(broken).build()) {
            assertEquals(Source.MINTED, client.token().source());
            assertFalse(reported.isEmpty());
        }
    }

    @Test
    void aCallbackCannotCallItsClient() {
        AtomicReference<Client> self = new AtomicReference<>();
        AtomicReference<IllegalStateException> rejection = new AtomicReference<>();
        try (Client client = sandbox.builder("docusign-jwt")
                .onChange((change, token) ->
                        rejection.set(assertThrows(IllegalStateException.class, self.get()::refresh)))
                .build()) {
            self.set(client);
            client.token();
            assertTrue(rejection.get().getMessage().contains("callback"), rejection.get().getMessage());
        }
    }

    @Test
    void aClientMayBeClosedInItsOwnCallback() {
        AtomicReference<Client> self = new AtomicReference<>();
        Client client = sandbox.builder("docusign-jwt")
                .onChange((change, token) -> self.get().close())
                .build();
        self.set(client);
        assertEquals(Source.MINTED, client.token().source());
        assertThrows(ClosedException.class, client::token);
    }

    @Test
    void callbacksAreReleasedWithTheirClient() {
        long before = Callbacks.latest();
        AtomicInteger changes = new AtomicInteger();
        ClientBuilder builder = sandbox.builder("docusign-jwt")
                .onChange((change, token) -> changes.incrementAndGet())
                .logger(new TestLogger(System.Logger.Level.ERROR, (level, line) -> {}))
                .clock(new TestClock());
        for (int i = 0; i < 3; i++) {
            try (Client client = builder.build()) {
                client.token();
            }
        }
        assertEquals(3, changes.get());
        Patience.until(Duration.ofSeconds(60), () -> Callbacks.keptAfter(before) == 0);
    }

    @Test
    void callbacksAreReleasedIfBuildingFails() {
        long before = Callbacks.latest();
        ClientBuilder builder = Client.builder()
                .setting("provider", "docusign")
                .clock(new TestClock())
                .signer("RS256", null, input -> input);
        assertThrows(FixConfigurationException.class, builder::build);
        Patience.until(Duration.ofSeconds(60), () -> Callbacks.keptAfter(before) == 0);
    }

    @Test
    void concurrentFailuresKeepTheirOwnCauses() throws Exception {
        CyclicBarrier bothFail = new CyclicBarrier(2);
        long before = Callbacks.latest();
        try (Key key = Key.ofSigner("ES256", null, input -> {
            bothFail.await(30, TimeUnit.SECONDS);
            throw new IllegalStateException(new String(input, StandardCharsets.UTF_8));
        })) {
            List<CompletableFuture<String>> causes = Stream.of("one", "two")
                    .map(input -> CompletableFuture.supplyAsync(
                            () -> assertThrows(CountersignException.class, () -> key.signBytes(
                                            input.getBytes(StandardCharsets.UTF_8), null))
                                    .getCause()
                                    .getMessage(),
                            work -> new Thread(work).start()))
                    .toList();
            assertEquals(List.of("one", "two"), causes.stream().map(CompletableFuture::join).toList());
        }
        Patience.until(Duration.ofSeconds(60), () -> Callbacks.keptAfter(before) == 0);
    }
}
