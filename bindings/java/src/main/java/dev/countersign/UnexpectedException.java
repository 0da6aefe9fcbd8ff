package dev.countersign;

import java.io.Serial;

/** An unreadable response, an invalid signature, or a bug in countersign. */
public sealed class UnexpectedException extends CountersignException permits VerificationException {
    @Serial private static final long serialVersionUID = 1L;

    UnexpectedException(Details details) {
        super(details);
    }
}
