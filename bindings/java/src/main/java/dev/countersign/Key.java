package dev.countersign;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A private or public key, a certificate, a JWK Set, or a key that stays in a device. It is
 * immutable, and any number of threads may use it.
 *
 * <pre>{@code
 * try (Key key = Key.read(Path.of("docusign.pem"))) {
 *     String jwt = key.sign("{\"sub\":\"me\"}");
 *     byte[] claims = key.verify(jwt);
 * }
 * }</pre>
 */
public final class Key implements AutoCloseable {
    private static final int SIGNATURE_ROOM = 1024;

    private final Abi abi;
    private final Handle handle;

    private Key(Abi abi, long key) {
        this.abi = abi;
        this.handle = new Handle("key", key, abi::csign_key_free);
        handle.ownedBy(this);
    }

    /**
     * Reads a key in any supported format: PEM, DER, PKCS#8, PKCS#1, SEC1, PKCS#12, JWK, JWK Set, a
     * certificate, Google's or Box's JSON.
     *
     * @param data the file's bytes
     * @return the key
     * @throws FixConfigurationException if the key is not usable; says what was found and how to
     *     convert it, and contains no part of the key
     */
    public static Key read(byte[] data) {
        return read(data, null);
    }

    /**
     * Like {@link #read(byte[])}, for an encrypted key.
     *
     * @param data the file's bytes
     * @param passphrase the passphrase; null for none
     * @return the key
     * @throws FixConfigurationException if the key is not usable; says what was found and how to
     *     convert it, and contains no part of the key
     */
    public static Key read(byte[] data, String passphrase) {
        Abi abi = Library.abi();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            Frame.Text secret = frame.put(passphrase);
            Frame.Text bytes = frame.put(data);
            frame.check(abi.csign_key_read(
                    bytes.address(), bytes.length(), secret.address(), secret.length(), out, frame.error()));
            return new Key(abi, frame.longAt(out));
        }
    }

    /**
     * Reads a key from a file: see {@link #read(byte[])}.
     *
     * @param file the file
     * @return the key
     * @throws IOException if the file can't be read
     * @throws FixConfigurationException if the key is not usable; says what was found and how to
     *     convert it, and contains no part of the key
     */
    public static Key read(Path file) throws IOException {
        return read(Files.readAllBytes(file));
    }

    /**
     * Returns a key for HS256, HS384 and HS512 from a shared secret.
     *
     * @param secret the secret's bytes
     * @return the key
     */
    public static Key ofSecret(byte[] secret) {
        Abi abi = Library.abi();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            Frame.Text bytes = frame.put(secret);
            frame.check(abi.csign_key_from_secret(bytes.address(), bytes.length(), out, frame.error()));
            return new Key(abi, frame.longAt(out));
        }
    }

    /**
     * Returns a key that stays in a device and signs with a callback.
     *
     * @param algorithm a JWS algorithm such as {@code ES256}
     * @param keyId the {@code kid} of tokens; null for none
     * @param signer the callback
     * @return the key
     */
    public static Key ofSigner(String algorithm, String keyId, Signer signer) {
        Abi abi = Library.abi();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            Frame.Text name = frame.put(algorithm);
            Frame.Text id = frame.put(keyId);
            frame.check(abi.csign_key_from_signer(
                    name.address(),
                    name.length(),
                    id.address(),
                    id.length(),
                    abi.signFunction(),
                    Callbacks.keep(signer),
                    abi.destroyFunction(),
                    out,
                    frame.error()));
            return new Key(abi, frame.longAt(out));
        }
    }

    /**
     * Signs claims with the key's default algorithm and {@code typ} {@code JWT}, and returns a
     * compact JWS (RFC 7515 section 7.1).
     *
     * @param claims a JSON object, signed byte for byte
     * @return the signed token
     * @throws CountersignException if the key can't sign
     */
    public String sign(String claims) {
        return sign(claims, null, null, "JWT");
    }

    /**
     * Signs claims and returns a compact JWS (RFC 7515 section 7.1).
     *
     * @param claims a JSON object, signed byte for byte
     * @param algorithm a JWS algorithm such as {@code RS256}; null for the key's default algorithm
     * @param keyId the header's {@code kid}; null for the key's own id, if it has one
     * @param type the header's {@code typ}, such as {@code JWT}; null for none
     * @return the signed token
     * @throws CountersignException if the key can't sign, or not with this algorithm
     */
    public String sign(String claims, String algorithm, String keyId, String type) {
        long key = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            Frame.Text name = frame.put(algorithm);
            Frame.Text id = frame.put(keyId);
            Frame.Text kind = frame.put(type);
            Frame.Text payload = frame.put(claims);
            frame.check(abi.csign_key_sign(
                    key,
                    name.address(),
                    name.length(),
                    id.address(),
                    id.length(),
                    kind.address(),
                    kind.length(),
                    payload.address(),
                    payload.length(),
                    out,
                    frame.error()));
            return frame.takeText(frame.longAt(out));
        } finally {
            handle.leave();
        }
    }

    /**
     * Signs bytes.
     *
     * @param input the bytes
     * @param algorithm a JWS algorithm such as {@code RS256}; null for the key's default algorithm
     * @return the signature in the format of RFC 7518 section 3
     * @throws CountersignException if the key can't sign, or not with this algorithm
     */
    public byte[] signBytes(byte[] input, String algorithm) {
        long key = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            long length = frame.slot();
            Frame.Text name = frame.put(algorithm);
            Frame.Text room = frame.room(SIGNATURE_ROOM);
            Frame.Text bytes = frame.put(input);
            frame.check(abi.csign_key_sign_bytes(
                    key,
                    name.address(),
                    name.length(),
                    bytes.address(),
                    bytes.length(),
                    room.address(),
                    room.length(),
                    length,
                    frame.error()));
            return frame.bytes(room, Math.toIntExact(frame.longAt(length)));
        } finally {
            handle.leave();
        }
    }

    /**
     * Verifies a compact JWS with the key's own algorithm: see {@link #verify(String, String)}.
     *
     * @param token the signed token
     * @return the payload, byte for byte
     * @throws VerificationException if the token does not verify
     */
    public byte[] verify(String token) {
        return verify(token, null);
    }

    /**
     * Verifies a compact JWS. This uses the given algorithm or, if that is null, the key's, but
     * never the token's. It rejects {@code none}, an unknown {@code crit} and duplicate members
     * (RFC 8725). It doesn't check times or the audience.
     *
     * @param token the signed token
     * @param algorithm a JWS algorithm such as {@code RS256}; null for the key's own
     * @return the payload, byte for byte
     * @throws VerificationException if the token does not verify
     */
    public byte[] verify(String token, String algorithm) {
        long key = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            Frame.Text name = frame.put(algorithm);
            Frame.Text text = frame.put(token);
            frame.check(abi.csign_key_verify(
                    key, name.address(), name.length(), text.address(), text.length(), out, frame.error()));
            return frame.takeBytes(frame.longAt(out));
        } finally {
            handle.leave();
        }
    }

    /**
     * Describes the key, without its secrets.
     *
     * @return the description
     * @throws FixConfigurationException for a JWK Set and for a key in a device
     */
    public KeyInfo info() {
        long key = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            frame.check(abi.csign_key_info(key, out, frame.error()));
            return KeyInfo.of(Json.object(frame.takeText(frame.longAt(out))));
        } finally {
            handle.leave();
        }
    }

    /** Wipes the key. So does the garbage collector. */
    @Override
    public void close() {
        handle.close();
    }

    /** Returns a string without any part of the key. */
    @Override
    public String toString() {
        return "Key[]";
    }
}
