package dev.countersign;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A timeout ends the caller's wait, not the request. */
class TokenRequestTest {
    private static final TokenRequest SOON = TokenRequest.create().timeout(Duration.ofMillis(50));

    private final CountDownLatch release = new CountDownLatch(1);
    private ApiServer server;
    private Client client;

    @BeforeEach
    void start() throws IOException {
        server = new ApiServer().respondsAfter(release, """
                {"access_token": "late", "token_type": "Bearer", "expires_in": 3600}""");
        client = Client.of(Map.of(
                "provider", "boldsign",
                "environment", "us",
                "grant", "client-credentials",
                "base_url", server.url(""),
                "client_id", "my-app",
                "client_secret", "s3cret",
                "store", "memory"));
    }

    @AfterEach
    void stop() {
        release.countDown();
        client.close();
        server.close();
    }

    @Test
    void aTimeoutEndsTheWait() {
        RetryException late = assertThrows(RetryException.class, () -> client.token(SOON));
        assertEquals(ErrorKind.TIMEOUT, late.kind());
        assertTrue(late.isRetryable());
        CompletionException failure = assertThrows(
                CompletionException.class, () -> client.tokenAsync(SOON).join());
        assertEquals(
                ErrorKind.TIMEOUT,
                assertInstanceOf(RetryException.class, failure.getCause()).kind());
        release.countDown();
        assertEquals("late", client.token().accessToken());
        assertEquals("late", client.token(SOON).accessToken());
        assertEquals(1, server.calls().size());
    }

    @Test
    void tenThousandCancelledCallsHoldNoThread() throws Exception {
        int count = 10_000;
        client.tokenAsync();
        Patience.until(Duration.ofSeconds(60), () -> !server.calls().isEmpty());
        long kept = Callbacks.latest();
        int threads = Thread.activeCount();
        List<CompletableFuture<Token>> calls = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            calls.add(client.tokenAsync());
        }
        assertEquals(count, client.counts().waits());
        assertEquals(count, Callbacks.keptAfter(kept));
        assertTrue(Thread.activeCount() <= threads + 1, "a thread waits");
        for (int i = 0; i < count; i++) {
            CompletableFuture<Token> call = calls.get(i);
            if (i % 2 == 0) {
                assertTrue(call.cancel(true));
            } else {
                call.completeExceptionally(new TimeoutException());
            }
        }
        // The calls have ended in the library, too, although the request hangs.
        Patience.until(Duration.ofSeconds(60), () -> Callbacks.keptAfter(kept) == 0);
        assertEquals(1, server.calls().size());
    }

    @Test
    void anInterruptEndsTheWait() throws Exception {
        AtomicReference<Throwable> end = new AtomicReference<>();
        Thread waiting = new Thread(() -> {
            end.set(assertThrows(
                    CancellationException.class,
                    () -> client.token(TokenRequest.create().timeout(Duration.ofMinutes(5)))));
            assertTrue(Thread.currentThread().isInterrupted());
        });
        waiting.start();
        Patience.until(Duration.ofSeconds(60), () -> !server.calls().isEmpty());
        waiting.interrupt();
        waiting.join();
        assertInstanceOf(CancellationException.class, end.get());
        CompletableFuture<Token> next = client.tokenAsync();
        release.countDown();
        assertEquals("late", next.join().accessToken());
    }
}
