package dev.countersign;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class LoginTest {
    private final Sandbox sandbox = Sandbox.get();

    @BeforeEach
    void reset() {
        sandbox.reset();
    }

    @Test
    void aLoginIsSavedAndRestored() {
        try (Client client = sandbox.builder("docusign-code").build();
                Login login = client.startLogin();
                Login restored = Login.restore(login.save())) {
            assertEquals(login.url(), restored.url());
            assertTrue(login.url().contains("state=" + restored.state()), login.url());
            assertFalse(login.toString().contains("http"));
            String callback = sandbox.decideLogin(login.url(), "allow");
            String query = callback.substring(callback.indexOf('?') + 1);
            assertEquals(Source.MINTED, client.completeLogin(restored, query).source());
        }
    }

    @Test
    void anInvalidSavedLoginIsRejected() {
        CountersignException failure = assertThrows(CountersignException.class, () -> Login.restore("{}"));
        assertEquals(ErrorKind.CALLBACK, failure.kind());
    }

    @Test
    void loginOpensTheBrowserAndWaits() {
        Map<String, String> settings = sandbox.settings("docusign-code");
        long before = Callbacks.latest();
        try (Client client = Client.of(settings)) {
            Token token = client.login(Duration.ofSeconds(60), url -> CompletableFuture.runAsync(() -> browse(url)));
            assertEquals(Source.MINTED, token.source());
            assertEquals(token.accessToken(), client.token().accessToken());
        }
        assertEquals(0, Callbacks.keptAfter(before));
    }

    @Test
    void loginListensOnTheGivenPort() throws IOException {
        int port;
        try (ApiServer free = new ApiServer()) {
            port = URI.create(free.url("/")).getPort();
        }
        AtomicReference<String> opened = new AtomicReference<>();
        try (Client client = sandbox.builder("docusign-code").build()) {
            client.login(Duration.ofSeconds(60), port, url -> {
                opened.set(url);
                CompletableFuture.runAsync(() -> browse(url));
            });
            assertTrue(opened.get().contains("127.0.0.1%3A" + port), opened.get());
            assertThrows(
                    IllegalArgumentException.class, () -> client.login(Duration.ofSeconds(1), 70_000, url -> {}));
        }
    }

    @Test
    void theOpenersExceptionIsTheCause() {
        IllegalStateException none = new IllegalStateException("no browser here");
        try (Client client = sandbox.builder("docusign-code").build()) {
            CountersignException failure = assertThrows(
                    CountersignException.class, () -> client.login(Duration.ofSeconds(60), url -> {
                        throw none;
                    }));
            assertSame(none, failure.getCause());
        }
    }

    /** Follows the redirect to the loopback server, like a browser. */
    private void browse(String url) {
        try {
            HttpRequest allow =
                    HttpRequest.newBuilder(URI.create(url + "&_sandbox=allow")).build();
            String back = sandbox.http()
                    .send(allow, BodyHandlers.discarding())
                    .headers()
                    .firstValue("Location")
                    .orElseThrow();
            HttpClient.newHttpClient()
                    .send(HttpRequest.newBuilder(URI.create(back)).build(), BodyHandlers.discarding());
        } catch (IOException | InterruptedException failure) {
            throw new IllegalStateException(failure);
        }
    }

    @Test
    void asyncLoginDoesNotBlockTheCaller() {
        try (Client client = Client.of(sandbox.settings("docusign-code"));
                Login login = client.startLogin()) {
            String callback = sandbox.decideLogin(login.url(), "allow");
            assertEquals(Source.MINTED, client.completeLoginAsync(login, callback).join().source());
            assertEquals(client.identity(), client.identityAsync().join());
            assertEquals(client.events(), client.eventsAsync().join());
            client.checkSavedAsync().join();
            client.invalidateAsync(client.accessToken()).join();
            assertEquals(Source.REFRESHED, client.refreshAsync().join().source());
            assertTrue(client.forgetAsync().join().reason().isEmpty());
            Token token = client.loginAsync(
                            Duration.ofSeconds(60), url -> CompletableFuture.runAsync(() -> browse(url)))
                    .join();
            assertEquals(Source.MINTED, token.source());
        }
    }

    @Test
    void onlyForceForgetDeletesAnUnrevokedGrant() throws Exception {
        try (Client client =
                sandbox.builder("salesforce-jwt").setting("store", "memory").build()) {
            client.token();
            sandbox.post("/_sandbox/faults", "{\"status\": 503, \"endpoint\": \"revoke\", \"times\": 3}");
            Revocation kept = client.forget();
            assertEquals(Revocation.Outcome.FAILED, kept.outcome());
            assertEquals(503, kept.reason().orElseThrow().httpStatus().orElseThrow());
            assertEquals(
                    Revocation.Outcome.FAILED, client.forgetAsync().join().outcome());
            assertEquals(Revocation.Outcome.FAILED, client.forceForget().outcome());
            assertEquals(Revocation.Outcome.NOTHING_HELD, client.forget().outcome());
            assertEquals(
                    Revocation.Outcome.NOTHING_HELD,
                    client.forceForgetAsync().join().outcome());
            assertEquals(Source.MINTED, client.token().source());
        }
    }

    @Test
    void refreshTokenExpiresAt() throws Exception {
        try (Client client =
                sandbox.builder("salesforce-refresh").setting("store", "memory").build()) {
            assertTrue(client.refreshTokenExpiresAt().isEmpty());
            sandbox.post("/_sandbox/faults", """
                    {"status": 200, "content_type": "application/json",
                     "body": "{\\"access_token\\":\\"a\\",\\"refresh_token\\":\\"r1\\",\\"refresh_token_expires_in\\":5000}"}""");
            client.token();
            Instant end = client.refreshTokenExpiresAt().orElseThrow();
            long left = Duration.between(Instant.now(), end).toSeconds();
            assertTrue(left > 4900 && left <= 5060, () -> left + " s");
            assertEquals(end, client.refreshTokenExpiresAtAsync().join().orElseThrow());
        }
    }

    @Test
    void aDrainedClientStartsNoRequest() {
        try (Client client = sandbox.builder("docusign-jwt").setting("store", "memory").build()) {
            String token = client.accessToken();
            client.drainAsync(Duration.ofSeconds(5)).join();
            assertEquals(token, client.token().accessToken());
            client.invalidate(token);
            RetryException busy = assertThrows(RetryException.class, client::token);
            assertEquals(ErrorKind.BUSY, busy.kind());
            assertTrue(busy.isRetryable());
        }
    }
}
