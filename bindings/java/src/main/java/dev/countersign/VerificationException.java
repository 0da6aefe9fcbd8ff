package dev.countersign;

import java.io.Serial;

/** A signature or signed token is not valid. The fault is the sender's, not the program's. */
public final class VerificationException extends UnexpectedException {
    @Serial private static final long serialVersionUID = 1L;

    VerificationException(Details details) {
        super(details);
    }
}
