package dev.countersign;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

/** Programs that are started during a refresh inherit neither the lease nor any descriptor. */
class ProcessTest {
    private final Sandbox sandbox = Sandbox.get();

    @BeforeEach
    void reset() {
        sandbox.reset();
    }

    @Test
    void aChildProgramInheritsNoLease() throws Exception {
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
                assertFalse(refresh.isDone(), "the refresh ended before the program was started");
                assertEquals(before, during);
                assertEquals(Source.MINTED, refresh.join().source());
                assertEquals(Source.MINTED, client.refresh().source());
            } finally {
                idle.getOutputStream().close();
                idle.waitFor();
            }
        }
    }

    /** Returns the descriptors that a program inherits. */
    private static String inherited() throws IOException {
        Process listing = new ProcessBuilder("ls", "/proc/self/fd").start();
        return new String(listing.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
}
