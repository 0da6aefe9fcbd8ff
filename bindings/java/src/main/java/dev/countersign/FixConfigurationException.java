package dev.countersign;

import java.io.Serial;

/**
 * A setting is wrong, here or at the vendor; the message names it, and so does {@link #setting()}.
 */
public final class FixConfigurationException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    FixConfigurationException(Details details) {
        super(details);
    }
}
