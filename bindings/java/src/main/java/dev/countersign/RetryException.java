package dev.countersign;

import java.io.Serial;

/** Retry, after {@link #retryAfter()} if there is one. */
public final class RetryException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    RetryException(Details details) {
        super(details);
    }
}
