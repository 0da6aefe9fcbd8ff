package dev.countersign;

import java.io.Serial;

/**
 * A person must act: consent, or log in again. {@link #url()} is the page to open, where one is known.
 */
public final class ReauthorizeException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    ReauthorizeException(Details details) {
        super(details);
    }
}
