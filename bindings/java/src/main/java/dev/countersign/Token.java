package dev.countersign;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * An access token. Immutable; it stays what it is when the client gets another. Its text never shows the secret:
 * {@link #toString()} says all but that.
 */
public final class Token {
    private final String accessToken;
    private final String authorization;
    private final String type;
    private final String scope;
    private final long expiresAt;
    private final Source source;
    private final Map<String, String> extra;

    private Token(
            String accessToken,
            String authorization,
            String type,
            String scope,
            long expiresAt,
            Source source,
            Map<String, String> extra) {
        this.accessToken = accessToken;
        this.authorization = authorization;
        this.type = type;
        this.scope = scope;
        this.expiresAt = expiresAt;
        this.source = source;
        this.extra = extra;
    }

    /** Copies a native token, which stays the caller's. */
    static Token read(Abi abi, long token) {
        try (Frame frame = Frame.open(abi)) {
            long length = frame.slot();
            return new Token(
                    frame.borrowed(abi.csign_token_value(token, length), length),
                    frame.borrowed(abi.csign_token_authorization(token, length), length),
                    frame.borrowed(abi.csign_token_type(token, length), length),
                    frame.borrowed(abi.csign_token_scope(token, length), length),
                    abi.csign_token_expires_at(token),
                    Source.of(abi.csign_token_source(token)),
                    Json.texts(frame.borrowed(abi.csign_token_extra_json(token, length), length)));
        }
    }

    /**
     * The bare access token. A secret: do not log it.
     *
     * @return the access token
     */
    public String accessToken() {
        return accessToken;
    }

    /**
     * The value for an HTTP {@code Authorization} header, nearly always {@code Bearer ...} (RFC 6750). A secret.
     *
     * @return the header's value
     */
    public String authorization() {
        return authorization;
    }

    /**
     * How the token is presented, as the vendor writes it, nearly always {@code Bearer}.
     *
     * @return the type
     */
    public String tokenType() {
        return type;
    }

    /**
     * When the token ends.
     *
     * @return the time, where the vendor says it
     */
    public Optional<Instant> expiresAt() {
        return expiresAt < 0 ? Optional.empty() : Optional.of(Instant.ofEpochSecond(expiresAt));
    }

    /**
     * The scopes granted, separated by spaces.
     *
     * @return the scopes, where the vendor says them
     */
    public Optional<String> scope() {
        return Optional.ofNullable(scope);
    }

    /**
     * Where the token came from this time.
     *
     * @return the source
     */
    public Source source() {
        return source;
    }

    /**
     * What the vendor adds to the token, by name, such as {@code instance_url}.
     *
     * @return an immutable map, perhaps empty
     */
    public Map<String, String> extra() {
        return extra;
    }

    /** All but the secret. */
    @Override
    public String toString() {
        return "Token[tokenType=" + type + ", expiresAt="
                + expiresAt().map(Instant::toString).orElse("unknown") + ", scope=" + scope + ", source=" + source
                + ", extra=" + extra.keySet() + "]";
    }
}
