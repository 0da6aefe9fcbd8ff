package dev.countersign;

import java.io.Serial;

/** A call on a client, key, login or registry that the program has closed. */
public final class ClosedException extends IllegalStateException {
    @Serial private static final long serialVersionUID = 1L;

    ClosedException(String message) {
        super(message);
    }
}
