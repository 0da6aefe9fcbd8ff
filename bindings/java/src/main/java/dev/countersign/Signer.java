package dev.countersign;

/**
 * Signs bytes with a key that the library does not see: one in an HSM, a KMS or a {@link java.security.KeyStore}.
 *
 * <pre>{@code
 * Signer signer = input -> {
 *     Signature rsa = Signature.getInstance("SHA256withRSA");
 *     rsa.initSign(privateKey);
 *     rsa.update(input);
 *     return rsa.sign();
 * };
 * }</pre>
 */
@FunctionalInterface
public interface Signer {
    /**
     * Signs. May be called on any thread and concurrently; must not call the client that it signs for.
     *
     * @param input the bytes to sign: the whole message, not its hash
     * @return the signature, at most 1024 bytes: as RFC 7518 has it, or ECDSA in DER
     * @throws Exception where it cannot: the call that needs the signature fails with {@link Status#SIGNING}, and has
     *     this as its cause
     */
    byte[] sign(byte[] input) throws Exception;
}
