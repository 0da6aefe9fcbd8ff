package dev.countersign;

import java.util.Objects;
import java.util.concurrent.CompletableFuture;

/**
 * Provides access tokens to code that calls an API. {@link Client} implements it, the HTTP adapters
 * take it, and unit tests can use {@link #fixed}.
 */
public interface TokenProvider {
    /**
     * Returns a token that is valid now. May block.
     *
     * @return the token
     */
    Token token();

    /**
     * Reports a token that an API rejected with 401, so that {@link #token()} doesn't return it
     * again. May block.
     *
     * @param token the rejected token
     */
    void invalidate(Token token);

    /**
     * Returns a token without blocking this thread. By default, calls {@link #token()} on the
     * JDK's common pool.
     *
     * @return a future that fails with what {@link #token()} throws
     */
    default CompletableFuture<Token> tokenAsync() {
        return CompletableFuture.supplyAsync(this::token);
    }

    /**
     * Like {@link #invalidate(Token)}, without blocking this thread. By default, calls it on the
     * JDK's common pool.
     *
     * @param token the rejected token
     * @return a future that completes when the token is invalidated
     */
    default CompletableFuture<Void> invalidateAsync(Token token) {
        return CompletableFuture.runAsync(() -> invalidate(token));
    }

    /**
     * Returns a provider that always provides this token, for unit tests. Invalidating has no
     * effect.
     *
     * @param accessToken the access token
     * @return the provider
     */
    static TokenProvider fixed(String accessToken) {
        return fixed(Token.of(accessToken));
    }

    /**
     * Like {@link #fixed(String)}, for a token with more details.
     *
     * @param token the token
     * @return the provider
     */
    static TokenProvider fixed(Token token) {
        Objects.requireNonNull(token, "token");
        return new TokenProvider() {
            @Override
            public Token token() {
                return token;
            }

            @Override
            public CompletableFuture<Token> tokenAsync() {
                return CompletableFuture.completedFuture(token);
            }

            @Override
            public void invalidate(Token rejected) {
                // There is no other token.
            }

            @Override
            public CompletableFuture<Void> invalidateAsync(Token rejected) {
                return CompletableFuture.completedFuture(null);
            }
        };
    }
}
