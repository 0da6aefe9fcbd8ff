package dev.countersign;

import java.io.Serial;

/** A person must act, at the error's URL if it has one: {@link #url()}. */
public final class ReauthorizeException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    ReauthorizeException(Details details) {
        super(details);
    }
}
