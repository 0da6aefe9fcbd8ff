package dev.countersign;

import java.io.Serial;

/** A signature or signed token is not valid. The input is at fault, not the program. */
public final class VerificationException extends UnexpectedException {
    @Serial private static final long serialVersionUID = 1L;

    VerificationException(Details details) {
        super(details);
    }
}
