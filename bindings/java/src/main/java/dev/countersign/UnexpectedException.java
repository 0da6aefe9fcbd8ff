package dev.countersign;

import java.io.Serial;

/**
 * An answer that could not be read, or a bug of ours. What the server said is in the message as far as it is no
 * secret.
 */
public final class UnexpectedException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    UnexpectedException(Details details) {
        super(details);
    }
}
