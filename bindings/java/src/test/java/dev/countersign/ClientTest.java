package dev.countersign;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.CompletionException;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ClientTest {
    private final Sandbox sandbox = Sandbox.get();

    @BeforeEach
    void reset() {
        sandbox.reset();
    }

    @Test
    void aPersistentStoreNeedsAName(@TempDir Path folder) {
        Map<String, String> settings = Map.of(
                "provider", "boldsign",
                "environment", "us",
                "grant", "client-credentials",
                "client_id", "my-app",
                "client_secret", "s3cret",
                "store", "file:" + folder.resolve("tokens"));
        FixConfigurationException rejected = assertThrows(
                FixConfigurationException.class, () -> Client.builder().settings(settings).build());
        assertEquals(Optional.of("name"), rejected.setting());
        Client.builder().name("ann").settings(settings).build().close();
    }

    @Test
    void aCachedTokenIsTheSameObject() {
        try (Client client = sandbox.builder("docusign-jwt").build()) {
            Token minted = client.token();
            Token first = client.token();
            assertEquals(Source.MINTED, minted.source());
            assertEquals(Source.CACHE, first.source());
            assertSame(first, client.token());
            assertEquals(first.accessToken(), client.accessToken());
            assertSame(first, client.tokenAsync().join());
            client.invalidate(first);
            Token second = client.token();
            assertNotEquals(first.accessToken(), second.accessToken());
            assertEquals(second.accessToken(), client.accessToken());
            assertEquals(second.accessToken(), client.tokenAsync().join().accessToken());
        }
    }

    @Test
    void aCachedTokenNeedsNoThread() throws Exception {
        BlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();
        try (Client client = sandbox.builder("docusign-jwt").executor(tasks::add).build()) {
            CompletableFuture<Token> minted = client.tokenAsync();
            // The library has called back, and the executor completes the future.
            Runnable completion = tasks.take();
            assertFalse(minted.isDone());
            completion.run();
            assertEquals(Source.MINTED, minted.join().source());
            CompletableFuture<Token> first = client.tokenAsync(TokenRequest.create().minValid(Duration.ofMinutes(1)));
            CompletableFuture<Token> second = client.tokenAsync();
            assertTrue(tasks.isEmpty());
            assertEquals(Source.CACHE, first.join().source());
            assertSame(first.join(), second.join());
            assertEquals(2, client.counts().hits());
        }
    }

    @Test
    void aTokenLongerThanTheBuffer() {
        try (Client client = sandbox.builder("docusign-jwt").build()) {
            String token = client.token().accessToken();
            try (Frame frame = Frame.open(Library.abi())) {
                // Leave room for little more than the slots of the call.
                frame.room((int) frame.rest().length() - 64);
                assertEquals(token, client.accessToken());
                assertEquals(token, client.tokenAsync().join().accessToken());
                frame.room((int) frame.rest().length());
                assertEquals(token, client.accessToken());
                assertEquals(token, client.token().accessToken());
            }
            assertEquals(token, client.accessToken());
        }
    }

    @Test
    void toStringShowsNoSecrets() {
        try (Client client = sandbox.builder("docusign-jwt").build()) {
            Token token = client.token();
            assertFalse(token.toString().contains(token.accessToken()));
            assertTrue(token.toString().contains("Bearer"), token.toString());
            assertEquals("Bearer " + token.accessToken(), token.authorization());
        }
    }

    @Test
    void aFutureFailsWithTheException() {
        try (Client client = sandbox.builder("docusign-jwt-unconsented").build()) {
            CompletableFuture<Token> token = client.tokenAsync();
            CompletionException failure = assertThrows(CompletionException.class, token::join);
            ReauthorizeException cause = assertInstanceOf(ReauthorizeException.class, failure.getCause());
            assertTrue(cause.url().orElseThrow().contains("/oauth/auth?"));
            assertTrue(cause.toString().contains(cause.hint().orElseThrow()));
        }
    }

    @Test
    void aFutureOfAClosedClientFails() {
        Client client = sandbox.builder("docusign-jwt").build();
        client.close();
        CompletionException failure =
                assertThrows(CompletionException.class, () -> client.tokenAsync().join());
        assertInstanceOf(ClosedException.class, failure.getCause());
        client.close();
    }

    @Test
    void aTokenOutlivesItsClient() {
        Client client = sandbox.builder("docusign-jwt").build();
        client.token();
        Token token = client.token();
        client.close();
        assertTrue(token.authorization().startsWith("Bearer "));
    }

    @Test
    void exceptionsCanBeSerialized() throws Exception {
        CountersignException failure =
                assertThrows(FixConfigurationException.class, () -> Client.of(Map.of("provider", "docusing")));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(failure);
        }
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            CountersignException copy = (CountersignException) in.readObject();
            assertEquals(failure.getMessage(), copy.getMessage());
            assertEquals(failure.setting(), copy.setting());
            assertEquals(ErrorKind.SETTING, copy.kind());
        }
    }

    @Test
    void anUnknownSettingIsRejected() {
        CountersignException failure = assertThrows(
                FixConfigurationException.class, () -> Client.of(Map.of("provider", "docusign", "client_ID", "x")));
        assertTrue(failure.getMessage().contains("client_id"), failure.getMessage());
        assertThrows(
                FixConfigurationException.class, () -> Client.load("docusign-jwt", Path.of("/nowhere.toml")));
    }

    @Test
    void negativeTimesAreRejected() {
        try (Client client = sandbox.builder("docusign-jwt").build()) {
            IllegalArgumentException failure = assertThrows(
                    IllegalArgumentException.class,
                    () -> client.token(TokenRequest.create().minValid(Duration.ofSeconds(-1))));
            assertTrue(failure.getMessage().contains("minValid"), failure.getMessage());
        }
    }

    @Test
    void consentAndIdentityAndEvents() {
        try (Client client = sandbox.builder("docusign-jwt").build()) {
            assertTrue(client.consentUrl().startsWith(sandbox.url() + "/oauth/auth?"), client.consentUrl());
            assertEquals("https://demo.docusign.net", client.identity().get("base_uri").orElseThrow());
            client.checkSaved();
            assertTrue(client.events().stream().allMatch(event -> event.what() != GrantEvent.What.UNKNOWN));
        }
    }

    @Test
    void manyThreadsGetTheToken() throws Exception {
        try (Client client = sandbox.builder("docusign-jwt").build()) {
            String token = client.token().accessToken();
            for (var result : Crowd.together(16, () -> {
                for (int i = 0; i < 2_000; i++) {
                    assertEquals(token, i % 2 == 0 ? client.accessToken() : client.token().accessToken());
                }
                return token;
            })) {
                assertEquals(token, result.call());
            }
        }
    }

    @Test
    void allThreadsGetARefreshedToken() throws Exception {
        try (Client client = sandbox.builder("docusign-jwt").build()) {
            for (int round = 0; round < 20; round++) {
                String fresh = client.refresh().accessToken();
                for (var result : Crowd.together(4, () -> client.token().accessToken())) {
                    assertEquals(fresh, result.call());
                }
            }
        }
    }
}
