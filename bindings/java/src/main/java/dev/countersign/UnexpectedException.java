package dev.countersign;

import java.io.Serial;

/**
 * An unreadable response, a signature that does not verify, a wrong call, or a bug. A call on a closed client is one of
 * these, with {@link Status#CLOSED}.
 */
public final class UnexpectedException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    UnexpectedException(Details details) {
        super(details);
    }
}
