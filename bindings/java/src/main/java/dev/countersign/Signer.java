package dev.countersign;

/**
 * Signs with a key that stays in an HSM, a KMS or a {@link java.security.KeyStore}.
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
     * Signs a message. Any thread may call this, several at the same time. It must not call the
     * client.
     *
     * @param input the message to sign, not its hash
     * @return the signature of at most 1024 bytes, in the format of RFC 7518, or in DER for ECDSA
     * @throws Exception if it can't sign: the call fails with {@link ErrorKind#SIGNING}, with
     *     this exception as its cause
     */
    byte[] sign(byte[] input) throws Exception;
}
