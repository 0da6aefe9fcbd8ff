package dev.countersign;

import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.util.Base64;
import java.util.List;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class KeyTest {
    private static final String CLAIMS = "{\"sub\":\"Zoë\"}";

    private static KeyPair rsa;

    @BeforeAll
    static void makeKey() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        rsa = generator.generateKeyPair();
    }

    @Test
    void signsAndVerifies() {
        try (Key key = Key.read(rsa.getPrivate().getEncoded());
                Key other = Key.read(rsa.getPublic().getEncoded())) {
            String token = key.sign(CLAIMS);
            assertArrayEquals(CLAIMS.getBytes(StandardCharsets.UTF_8), other.verify(token));
            String header = new String(
                    Base64.getUrlDecoder().decode(token.substring(0, token.indexOf('.'))), StandardCharsets.UTF_8);
            assertEquals("{\"alg\":\"RS256\",\"typ\":\"JWT\"}", header);
        }
    }

    @Test
    void theJdkVerifiesTheSignature() throws Exception {
        byte[] input = "a message".getBytes(StandardCharsets.UTF_8);
        try (Key key = Key.read(rsa.getPrivate().getEncoded())) {
            Signature signature = Signature.getInstance("SHA512withRSA");
            signature.initVerify(rsa.getPublic());
            signature.update(input);
            assertTrue(signature.verify(key.signBytes(input, "RS512")));
        }
    }

    @Test
    void aWrongSignatureIsRejected() {
        try (Key key = Key.read(rsa.getPrivate().getEncoded())) {
            String token = key.sign(CLAIMS);
            String forged = token.substring(0, token.length() - 4) + "AAAA";
            VerificationException failure = assertThrows(VerificationException.class, () -> key.verify(forged));
            assertEquals(ErrorKind.VERIFICATION, failure.kind());
            assertFalse(failure.isRetryable());
        }
    }

    @Test
    void claimsLargerThanABlockAreSigned() {
        String claims = "{\"text\":\"" + "é".repeat(20_000) + "\"}";
        try (Key key = Key.ofSecret(new byte[32])) {
            String token = key.sign(claims, "HS256", null, null);
            assertEquals(claims, new String(key.verify(token, "HS256"), StandardCharsets.UTF_8));
        }
    }

    /** The JDK writes EC keys without the public point. */
    @Test
    void theHintSaysHowToConvertAKey() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(256);
        byte[] file = generator.generateKeyPair().getPrivate().getEncoded();
        CountersignException failure = assertThrows(FixConfigurationException.class, () -> Key.read(file));
        assertEquals(ErrorKind.KEY, failure.kind());
        assertTrue(failure.hint().orElseThrow().contains("openssl ec -in key.pem -out whole.pem"));
    }

    @Test
    void aKeyIsDescribed() {
        try (Key key = Key.read(rsa.getPrivate().getEncoded())) {
            KeyInfo info = key.info();
            assertEquals("RSA", info.type());
            assertEquals(2048, info.bits());
            assertEquals("RS256", info.algorithms().get(0));
            assertEquals("RSA", info.publicJwk().get("kty"));
            assertEquals(List.of(), info.certificates());
            assertFalse(key.toString().contains("RSA"));
        }
    }

    @Test
    void anInvalidKeyIsRejected() {
        CountersignException failure = assertThrows(
                FixConfigurationException.class, () -> Key.read("nothing".getBytes(StandardCharsets.UTF_8)));
        assertEquals(ErrorKind.KEY, failure.kind());
        assertThrows(FixConfigurationException.class, () -> Key.read(new byte[0]));
    }

    @Test
    void aSignerSigns() {
        try (Key inside = Key.read(rsa.getPrivate().getEncoded());
                Key outside = Key.ofSigner("RS256", "device-1", input -> inside.signBytes(input, "RS256"))) {
            String token = outside.sign(CLAIMS);
            assertArrayEquals(CLAIMS.getBytes(StandardCharsets.UTF_8), inside.verify(token));
        }
    }

    @Test
    void theSignersExceptionIsTheCause() {
        IllegalStateException unplugged = new IllegalStateException("unplugged");
        try (Key key = Key.ofSigner("RS256", null, input -> {
            throw unplugged;
        })) {
            CountersignException failure = assertThrows(CountersignException.class, () -> key.sign(CLAIMS));
            assertEquals(ErrorKind.SIGNING, failure.kind());
            assertSame(unplugged, failure.getCause());
        }
    }

    @Test
    void aSignatureThatIsTooLongIsRejected() {
        try (Key key = Key.ofSigner("RS256", null, input -> new byte[100_000])) {
            CountersignException failure = assertThrows(CountersignException.class, () -> key.sign(CLAIMS));
            assertTrue(failure.getCause().getMessage().contains("100000 bytes"), failure.getCause().getMessage());
        }
    }

    @Test
    void aClosedKeyThrows() {
        Key key = Key.ofSecret(new byte[32]);
        key.close();
        key.close();
        ClosedException failure = assertThrows(ClosedException.class, () -> key.sign(CLAIMS));
        assertTrue(failure.getMessage().startsWith("the key was closed"), failure.getMessage());
    }
}
