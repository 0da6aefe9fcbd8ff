package dev.countersign;

/** How the app authenticates to the token endpoint. */
public enum ClientAuthentication {
    /** Not at all: a public client. */
    NONE("none"),
    /** {@code client_secret} in the {@code Authorization} header. */
    BASIC("basic"),
    /** {@code client_secret} in the body. */
    POST("post"),
    /** An assertion that is signed with a private key (RFC 7523). */
    PRIVATE_KEY_JWT("private_key_jwt"),
    /** An assertion that is signed with {@code client_secret}. */
    CLIENT_SECRET_JWT("client_secret_jwt");

    private final String word;

    ClientAuthentication(String word) {
        this.word = word;
    }

    /**
     * Returns the value of the setting {@code client_auth}.
     *
     * @return the value, such as {@code none}
     */
    public String word() {
        return word;
    }
}
