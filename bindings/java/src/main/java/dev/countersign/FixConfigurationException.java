package dev.countersign;

import java.io.Serial;

/**
 * A setting is wrong, here or at the vendor. The message and {@link #setting()} name it.
 */
public final class FixConfigurationException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    FixConfigurationException(Details details) {
        super(details);
    }
}
