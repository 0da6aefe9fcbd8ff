package dev.countersign;

import java.time.Duration;
import java.util.Optional;

/**
 * How long a token must still be valid, and how long a call may wait for it. It is immutable.
 *
 * <pre>{@code
 * Token token = client.token(TokenRequest.create().timeout(Duration.ofSeconds(2)));
 * }</pre>
 */
public final class TokenRequest {
    private static final TokenRequest DEFAULTS = new TokenRequest(Duration.ZERO, null);

    private final Duration minValid;
    private final Duration timeout;

    private TokenRequest(Duration minValid, Duration timeout) {
        this.minValid = minValid;
        this.timeout = timeout;
    }

    /**
     * Returns a request with the defaults: the setting {@code min_valid_s}, and no timeout of its
     * own.
     *
     * @return the request
     */
    public static TokenRequest create() {
        return DEFAULTS;
    }

    /**
     * Sets how long the token must still be valid. Zero means the setting {@code min_valid_s}.
     *
     * @param minValid the duration
     * @return a new request
     * @throws IllegalArgumentException if it is negative
     */
    public TokenRequest minValid(Duration minValid) {
        Millis.of("minValid", minValid);
        return new TokenRequest(minValid, timeout);
    }

    /**
     * Sets how long this call may wait. Afterwards it fails with a {@link RetryException} of kind
     * {@link ErrorKind#TIMEOUT}. The request in flight continues, and the next call gets its
     * result.
     *
     * @param timeout the duration
     * @return a new request
     * @throws IllegalArgumentException if it is negative
     */
    public TokenRequest timeout(Duration timeout) {
        Millis.of("timeout", timeout);
        return new TokenRequest(minValid, timeout);
    }

    /**
     * Returns how long the token must still be valid.
     *
     * @return the duration; zero for the setting
     */
    public Duration minValid() {
        return minValid;
    }

    /**
     * Returns how long the call may wait.
     *
     * @return the duration; empty without a timeout
     */
    public Optional<Duration> timeout() {
        return Optional.ofNullable(timeout);
    }
}
