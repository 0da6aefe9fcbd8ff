package dev.countersign;

import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * An access token. It is immutable, and {@link #toString()} shows no secret.
 */
public final class Token {
    private final String accessToken;
    private final String authorization;
    private final String type;
    private final String scope;
    private final long expiresAt;
    private final Source source;
    private final Map<String, String> extra;
    private final Headers headers;

    private Token(
            String accessToken,
            String authorization,
            String type,
            String scope,
            long expiresAt,
            Source source,
            Map<String, String> extra,
            Headers headers) {
        this.accessToken = accessToken;
        this.authorization = authorization;
        this.type = type;
        this.scope = scope;
        this.expiresAt = expiresAt;
        this.source = source;
        this.extra = extra;
        this.headers = headers;
    }

    /**
     * Returns a bearer token that was obtained elsewhere, for a fake {@link TokenProvider}.
     *
     * @param accessToken the access token
     * @return the token, with {@link Source#UNKNOWN}
     */
    public static Token of(String accessToken) {
        return of(accessToken, -1);
    }

    /**
     * Like {@link #of(String)}, with the time when it expires.
     *
     * @param accessToken the access token
     * @param expiresAt when it expires
     * @return the token
     */
    public static Token of(String accessToken, Instant expiresAt) {
        return of(accessToken, expiresAt.getEpochSecond());
    }

    private static Token of(String accessToken, long expiresAt) {
        Objects.requireNonNull(accessToken, "accessToken");
        String authorization = "Bearer " + accessToken;
        Headers headers = new Headers(Map.of("Authorization", authorization), null);
        return new Token(
                accessToken, authorization, "Bearer", null, expiresAt, Source.UNKNOWN, Map.of(), headers);
    }

    /** Copies a native token without taking ownership. */
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
                    Json.texts(frame.borrowed(abi.csign_token_extra_json(token, length), length)),
                    Headers.read(abi, frame, token));
        }
    }

    /**
     * Returns the access token string. It is a secret: don't log it.
     *
     * @return the access token
     */
    public String accessToken() {
        return accessToken;
    }

    /**
     * Returns the value of the HTTP {@code Authorization} header, nearly always {@code Bearer ...}
     * (RFC 6750). It is a secret.
     *
     * @return the header's value
     */
    public String authorization() {
        return authorization;
    }

    /**
     * Returns the token type as the vendor sent it, nearly always {@code Bearer}.
     *
     * @return the type
     */
    public String tokenType() {
        return type;
    }

    /**
     * Returns all headers that an API request needs to carry the token: names and values. They are
     * secrets. That is {@code Authorization}, unless the vendor's profile names another header, or
     * further headers beside it, such as a tenant's ID.
     *
     * @return an immutable map
     * @throws CountersignException if a header needs a value that the token doesn't have; the hint
     *     says what to do
     */
    public Map<String, String> headers() {
        if (headers.failure != null) {
            throw headers.failure;
        }
        return headers.values;
    }

    /**
     * Returns when the token expires.
     *
     * @return the time; empty if the vendor doesn't say
     */
    public Optional<Instant> expiresAt() {
        return expiresAt < 0 ? Optional.empty() : Optional.of(Instant.ofEpochSecond(expiresAt));
    }

    /**
     * Returns the granted scopes, separated by spaces.
     *
     * @return the scopes; empty if the vendor doesn't say
     */
    public Optional<String> scope() {
        return Optional.ofNullable(scope);
    }

    /**
     * Returns where this call got the token from.
     *
     * @return the source
     */
    public Source source() {
        return source;
    }

    /**
     * Returns the vendor's additional members, such as {@code instance_url}.
     *
     * @return an immutable map, which may be empty
     */
    public Map<String, String> extra() {
        return extra;
    }

    /** Returns everything but the secrets. */
    @Override
    public String toString() {
        return "Token[tokenType=" + type + ", expiresAt="
                + expiresAt().map(Instant::toString).orElse("unknown") + ", scope=" + scope + ", source=" + source
                + ", extra=" + extra.keySet() + "]";
    }

    /** The headers, or why there are none. */
    private record Headers(Map<String, String> values, RuntimeException failure) {
        static Headers read(Abi abi, Frame frame, long token) {
            long count = frame.slot();
            int status = abi.csign_token_header_count(token, count, frame.error());
            if (status != 0) {
                RuntimeException failure = frame.failure(status);
                abi.writeLong(frame.error(), 0);
                return new Headers(null, failure);
            }
            long length = frame.slot();
            Map<String, String> values = new LinkedHashMap<>();
            for (long i = 0; i < frame.longAt(count); i++) {
                values.put(
                        frame.borrowed(abi.csign_token_header_name(token, i, length), length),
                        frame.borrowed(abi.csign_token_header_value(token, i, length), length));
            }
            return new Headers(Collections.unmodifiableMap(values), null);
        }
    }
}
