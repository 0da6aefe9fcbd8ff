package dev.countersign;

import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class AuthorizedHttpClientTest {
    private final Sandbox sandbox = Sandbox.get();
    private ApiServer api;
    private Client client;
    private HttpClient http;

    @BeforeEach
    void start() throws Exception {
        sandbox.reset();
        api = new ApiServer();
        client = sandbox.builder("docusign-jwt").build();
        http = new AuthorizedHttpClient(client, HttpClient.newHttpClient());
    }

    @AfterEach
    void stop() {
        client.close();
        api.close();
    }

    @Test
    void theTokenIsOnTheRequest() throws Exception {
        HttpRequest request = request("/").header("authorization", "Basic old").header("X-Mine", "1").build();
        assertEquals("status 200", http.send(request, BodyHandlers.ofString()).body());
        assertEquals(List.of(List.of("Bearer " + client.accessToken())), authorizations());
    }

    @Test
    void a401BringsAnotherTokenOnce() throws Exception {
        api.responds(401);
        HttpRequest request = request("/").POST(BodyPublishers.ofString("a body")).build();
        HttpResponse<String> response = http.send(request, BodyHandlers.ofString());
        assertEquals("status 200", response.body());
        assertEquals(2, api.calls().size());
        assertNotEquals(authorizations().get(0), authorizations().get(1));
        assertEquals(List.of("a body", "a body"), bodies());
        assertEquals(2, sandbox.requests().size());
    }

    @Test
    void a401ThatStaysIsTheCallers() throws Exception {
        api.responds(401, 401, 401);
        HttpResponse<String> response = http.send(request("/").build(), BodyHandlers.ofString());
        assertEquals(401, response.statusCode());
        assertEquals("status 401", response.body());
        assertEquals(2, api.calls().size());
    }

    @Test
    void aStreamIsNotSentAgain() throws Exception {
        api.responds(401);
        ByteArrayInputStream stream = new ByteArrayInputStream(new byte[] {'a'});
        HttpRequest request = request("/").POST(BodyPublishers.ofInputStream(() -> stream)).build();
        HttpResponse<String> response = http.send(request, BodyHandlers.ofString());
        assertEquals(401, response.statusCode());
        assertEquals("status 401", response.body());
        assertEquals(List.of("a"), bodies());
        http.send(request("/").build(), BodyHandlers.ofString());
        assertNotEquals(authorizations().get(0), authorizations().get(1));
    }

    @Test
    void aRedirectIsNotFollowed() throws Exception {
        try (ApiServer elsewhere = new ApiServer()) {
            api.redirects(elsewhere.url("/"));
            assertEquals(302, http.send(request("/").build(), BodyHandlers.discarding()).statusCode());
            api.redirects(elsewhere.url("/"));
            assertEquals(
                    302,
                    http.sendAsync(request("/").build(), BodyHandlers.discarding()).join().statusCode());
            assertEquals(List.of(), elsewhere.calls());
        }
        HttpClient following =
                HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).build();
        assertThrows(IllegalArgumentException.class, () -> new AuthorizedHttpClient(client, following));
    }

    @Test
    void clearTextIsRejected() {
        for (String url : List.of("http://example.com/", "http://127.0.0.1.example.com/", "http://128.0.0.1/")) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(url)).build();
            assertThrows(IllegalArgumentException.class, () -> http.send(request, BodyHandlers.discarding()), url);
            CompletableFuture<?> sent = http.sendAsync(request, BodyHandlers.discarding());
            assertInstanceOf(
                    IllegalArgumentException.class,
                    assertThrows(CompletionException.class, sent::join).getCause(),
                    url);
        }
        assertEquals(0, sandbox.requests().size());
    }

    @Test
    void asynchronouslyA401BringsAnotherTokenOnce() {
        api.responds(401, 401);
        HttpResponse<String> response =
                http.sendAsync(request("/").build(), BodyHandlers.ofString()).join();
        assertEquals(401, response.statusCode());
        assertEquals(2, api.calls().size());
        // The new token is cached, so there is no other one to retry with.
        api.responds(401);
        assertEquals(
                "status 401",
                http.sendAsync(request("/").build(), BodyHandlers.ofString()).join().body());
        assertEquals(3, api.calls().size());
    }

    @Test
    void aStreamIsNotSentAgainAsynchronously() {
        api.responds(401);
        ByteArrayInputStream stream = new ByteArrayInputStream(new byte[] {'a'});
        HttpRequest request = request("/").POST(BodyPublishers.ofInputStream(() -> stream)).build();
        assertEquals(401, http.sendAsync(request, BodyHandlers.discarding()).join().statusCode());
        assertEquals(List.of("a"), bodies());
    }

    @Test
    void withoutATokenSendThrows() {
        try (Client unconsented = sandbox.builder("docusign-jwt-unconsented").build()) {
            HttpClient none = new AuthorizedHttpClient(unconsented, HttpClient.newHttpClient());
            assertThrows(
                    ReauthorizeException.class, () -> none.send(request("/").build(), BodyHandlers.discarding()));
            CompletionException failure = assertThrows(
                    CompletionException.class,
                    () -> none.sendAsync(request("/").build(), BodyHandlers.discarding()).join());
            assertInstanceOf(ReauthorizeException.class, failure.getCause());
        }
        assertEquals(List.of(), api.calls());
    }

    @Test
    void cancellingReturnsAtOnce() {
        CountDownLatch latch = new CountDownLatch(1);
        api.respondsAfter(latch);
        CompletableFuture<HttpResponse<Void>> response =
                http.sendAsync(request("/").build(), BodyHandlers.discarding());
        Patience.until(Duration.ofSeconds(60), () -> !api.calls().isEmpty());
        assertTrue(response.cancel(true));
        assertThrows(CancellationException.class, response::join);
        latch.countDown();
    }

    @Test
    void theSettingsAreTheUnderlyingClients() {
        HttpClient below = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(3)).build();
        HttpClient above = new AuthorizedHttpClient(client, below);
        assertEquals(below.connectTimeout(), above.connectTimeout());
        assertEquals(below.sslContext(), above.sslContext());
        assertEquals(below.version(), above.version());
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(api.url(path)));
    }

    private List<List<String>> authorizations() {
        return api.calls().stream().map(ApiServer.Call::authorization).toList();
    }

    private List<String> bodies() {
        return api.calls().stream().map(ApiServer.Call::body).toList();
    }
}
