package dev.countersign;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Describes a key, without its secrets.
 *
 * @param kind {@code private}, {@code public} or {@code certificate}
 * @param type the JWK key type: {@code RSA}, {@code EC}, {@code OKP} or {@code oct}
 * @param bits the length of the modulus, of the curve's field or of the secret
 * @param curve the JWK name of the curve; empty for RSA
 * @param format the format of the file, such as {@code PKCS#1 PEM}
 * @param encryption how the file was encrypted; empty if it was not
 * @param keyId the {@code kid} from the file
 * @param spkiSha256 the SHA-256 of the SubjectPublicKeyInfo in hex; empty for a shared secret
 * @param jwkThumbprint the RFC 7638 thumbprint; empty for a shared secret
 * @param algorithms the algorithms that the key can sign or verify with, the default first
 * @param publicJwk the members of the public key as a JWK; empty for a shared secret
 * @param certificates the certificates from the file, the key's own first
 */
public record KeyInfo(
        String kind,
        String type,
        int bits,
        Optional<String> curve,
        String format,
        Optional<String> encryption,
        Optional<String> keyId,
        Optional<String> spkiSha256,
        Optional<String> jwkThumbprint,
        List<String> algorithms,
        Map<String, Object> publicJwk,
        List<CertificateInfo> certificates) {
    /**
     * The thumbprints and the validity of a certificate.
     *
     * @param x5t the SHA-1 thumbprint (RFC 7515 section 4.1.7)
     * @param x5tS256 the SHA-256 thumbprint (RFC 7515 section 4.1.8)
     * @param notBefore the start of the validity
     * @param notAfter the end of the validity
     */
    public record CertificateInfo(String x5t, String x5tS256, Instant notBefore, Instant notAfter) {}

    static KeyInfo of(JsonFields fields) {
        return new KeyInfo(
                fields.text("kind"),
                fields.text("type"),
                Math.toIntExact(fields.number("bits")),
                fields.optional("curve"),
                fields.text("format"),
                fields.optional("encryption"),
                fields.optional("key_id"),
                fields.optional("spki_sha256"),
                fields.optional("jwk_thumbprint"),
                fields.texts("algorithms"),
                fields.object("public_jwk").members(),
                fields.objects("certificates").stream()
                        .map(one -> new CertificateInfo(
                                one.text("x5t"),
                                one.text("x5t#S256"),
                                one.seconds("not_before"),
                                one.seconds("not_after")))
                        .toList());
    }
}
