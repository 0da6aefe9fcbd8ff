package dev.countersign;

import java.io.Serial;

/**
 * The vendor, the network or the store is not able to answer now: try again, after {@link #retryAfter()} where that is
 * known.
 */
public final class RetryException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    RetryException(Details details) {
        super(details);
    }
}
