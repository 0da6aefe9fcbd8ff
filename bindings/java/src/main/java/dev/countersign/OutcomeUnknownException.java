package dev.countersign;

import java.io.Serial;

/**
 * The server may have rotated the refresh token. Nothing was sent twice. The next call tries to
 * find out.
 */
public final class OutcomeUnknownException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    OutcomeUnknownException(Details details) {
        super(details);
    }
}
