package dev.countersign;

import java.io.Serial;

/** A person must act, at {@link #url()} if there is one. */
public final class ReauthorizeException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    ReauthorizeException(Details details) {
        super(details);
    }
}
