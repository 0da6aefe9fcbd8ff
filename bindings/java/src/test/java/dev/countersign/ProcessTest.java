package dev.countersign;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

/** Programs that are started while a refresh is under way, and live on: they have neither its lease nor a descriptor. */
class ProcessTest {
    private final Sandbox sandbox = Sandbox.get();

    @BeforeEach
    void reset() {
        sandbox.reset();
    }

    @Test
    void aProgramThatLivesOnKeepsNobodyWaiting() throws Exception {
        String before = inherited();
        try (Client client = sandbox.builder("boldsign-cc")
                .setting("store", "file:" + sandbox.dir() + "/kept")
                .build()) {
            client.token();
            sandbox.post("/_sandbox/faults", "{\"kind\": \"slow\", \"ms\": 40}");
            int sent = sandbox.requests().size();
            CompletableFuture<Token> refresh = client.refreshAsync();
            while (sandbox.requests().size() == sent) {
                Thread.onSpinWait();
            }
            String during = inherited();
            Process idle = new ProcessBuilder("cat").start();
            try {
                assertFalse(refresh.isDone(), "the program was started during the refresh");
                assertEquals(before, during);
                assertEquals(Source.MINTED, refresh.join().source());
                assertEquals(Source.MINTED, client.refresh().source());
            } finally {
                idle.getOutputStream().close();
                idle.waitFor();
            }
        }
    }

    /** The descriptors that a program gets. */
    private static String inherited() throws IOException {
        Process listing = new ProcessBuilder("ls", "/proc/self/fd").start();
        return new String(listing.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
}
