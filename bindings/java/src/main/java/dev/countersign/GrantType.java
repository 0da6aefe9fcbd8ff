package dev.countersign;

/** How a token is requested. */
public enum GrantType {
    /** A signed assertion (RFC 7523). */
    JWT_BEARER("jwt-bearer"),
    /** A login in a browser (RFC 6749 section 4.1), with PKCE. */
    AUTHORIZATION_CODE("authorization-code"),
    /** A login on another device (RFC 8628). */
    DEVICE_CODE("device-code"),
    /** A refresh token that the program already has (RFC 6749 section 6). */
    REFRESH_TOKEN("refresh-token"),
    /** The app on its own behalf (RFC 6749 section 4.4). */
    CLIENT_CREDENTIALS("client-credentials");

    private final String word;

    GrantType(String word) {
        this.word = word;
    }

    /**
     * Returns the value of the setting {@code grant}.
     *
     * @return the value, such as {@code jwt-bearer}
     */
    public String word() {
        return word;
    }
}
