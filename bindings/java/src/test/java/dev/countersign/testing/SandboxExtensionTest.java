package dev.countersign.testing;

import java.nio.file.Files;

import dev.countersign.Client;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

@ExtendWith(SandboxExtension.class)
class SandboxExtensionTest {
    private static Sandbox first;

    @Test
    void aClientGetsATokenFromTheSandbox(Sandbox sandbox) {
        try (Client client = sandbox.client("docusign-jwt")) {
            assertEquals("Bearer", client.token().tokenType());
            assertTrue(client.consentUrl().startsWith(sandbox.url()), client.consentUrl());
        }
        isShared(sandbox);
    }

    @Test
    void itHasFilesUntilItIsClosed(Sandbox sandbox) {
        assertTrue(Files.isRegularFile(sandbox.caFile()));
        Sandbox own = Sandbox.start();
        assertNotEquals(sandbox.url(), own.url());
        own.close();
        own.close();
        assertFalse(Files.exists(own.connections()));
        isShared(sandbox);
    }

    private static synchronized void isShared(Sandbox sandbox) {
        first = first == null ? sandbox : first;
        assertEquals(first.url(), sandbox.url());
    }
}
