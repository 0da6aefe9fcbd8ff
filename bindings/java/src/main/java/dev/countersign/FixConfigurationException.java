package dev.countersign;

import java.io.Serial;

/**
 * A setting or the calling program is wrong; trying again does not help. {@link #setting()} names the setting, where
 * one is to blame. A call on a closed client is one of these, with {@link Status#CLOSED}.
 */
public final class FixConfigurationException extends CountersignException {
    @Serial private static final long serialVersionUID = 1L;

    FixConfigurationException(Details details) {
        super(details);
    }
}
