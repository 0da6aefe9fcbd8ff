package dev.countersign;

import java.io.Serial;

/** Try again, after the wait that the error gives, if any: {@link #retryAfter()}. */
public final class RetryException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    RetryException(Details details) {
        super(details);
    }
}
