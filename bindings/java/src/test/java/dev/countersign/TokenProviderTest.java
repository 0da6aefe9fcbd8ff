package dev.countersign;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;

import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;

/** A program's own provider replaces a client, without the native library. */
class TokenProviderTest {
    @Test
    void aFixedTokenIsSent() throws Exception {
        try (ApiServer api = new ApiServer().responds(401)) {
            HttpClient http = new AuthorizedHttpClient(TokenProvider.fixed("t0ken"), HttpClient.newHttpClient());
            HttpRequest request = HttpRequest.newBuilder(URI.create(api.url("/"))).build();
            assertEquals(401, http.send(request, BodyHandlers.discarding()).statusCode());
            assertEquals(
                    200, http.sendAsync(request, BodyHandlers.discarding()).join().statusCode());
            // There is no other token, so the 401 was not retried.
            assertEquals(
                    List.of(List.of("Bearer t0ken"), List.of("Bearer t0ken")),
                    api.calls().stream().map(ApiServer.Call::authorization).toList());
        }
    }

    @Test
    void aFixedTokenIsReturnedAsynchronously() {
        Token token = Token.of("t0ken", Instant.ofEpochSecond(1_800_000_000));
        TokenProvider provider = TokenProvider.fixed(token);
        assertSame(token, provider.tokenAsync().join());
        provider.invalidateAsync(token).join();
        provider.invalidate(token);
        assertSame(token, provider.token());
        assertEquals(Optional.of(Instant.ofEpochSecond(1_800_000_000)), token.expiresAt());
        assertEquals(Source.UNKNOWN, token.source());
        assertFalse(token.toString().contains("t0ken"));
    }

    @Test
    void twoMethodsAreEnough() throws Exception {
        Queue<String> left = new ArrayDeque<>(List.of("one", "two"));
        List<String> rejected = new ArrayList<>();
        TokenProvider provider = new TokenProvider() {
            @Override
            public Token token() {
                return Token.of(left.element());
            }

            @Override
            public void invalidate(Token token) {
                rejected.add(token.accessToken());
                left.remove();
            }
        };
        try (ApiServer api = new ApiServer().responds(401)) {
            HttpClient http = new AuthorizedHttpClient(provider, HttpClient.newHttpClient());
            HttpRequest request = HttpRequest.newBuilder(URI.create(api.url("/"))).build();
            assertEquals(
                    200, http.sendAsync(request, BodyHandlers.discarding()).join().statusCode());
        }
        assertEquals(List.of("one"), rejected);
    }
}
