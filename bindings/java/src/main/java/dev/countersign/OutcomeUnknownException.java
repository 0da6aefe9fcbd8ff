package dev.countersign;

import java.io.Serial;

/**
 * The answer to a refresh was lost, and the server may have replaced the refresh token. Nothing was sent twice; the
 * next call finds out what can be found out.
 */
public final class OutcomeUnknownException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    OutcomeUnknownException(Details details) {
        super(details);
    }
}
