package dev.countersign;

import java.io.Serial;

/**
 * An unreadable response, an invalid signature, a wrong call, or a bug. A call on a closed client
 * throws it, with {@link Status#CLOSED}.
 */
public final class UnexpectedException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    UnexpectedException(Details details) {
        super(details);
    }
}
