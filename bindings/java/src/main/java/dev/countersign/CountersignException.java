package dev.countersign;

import java.io.Serial;

/**
 * The base class of the library's exceptions. There is a subclass for each {@link Verdict}: what to
 * do.
 *
 * <pre>{@code
 * try {
 *     return client.accessToken();
 * } catch (ReauthorizeException person) {
 *     redirectTo(person.url().orElse("/login"));
 * } catch (RetryException later) {
 *     scheduleAfter(later.retryAfter().orElse(Duration.ofSeconds(5)));
 * }
 * }</pre>
 *
 * <p>It contains no secrets, so it can be logged. Incorrect use of this package is reported with
 * the JDK's exceptions instead: {@link IllegalArgumentException}, {@link IllegalStateException} and
 * its subclass {@link ClosedException}.
 */
public abstract sealed class CountersignException extends ErrorFields
        permits RetryException,
                ReauthorizeException,
                FixConfigurationException,
                OutcomeUnknownException,
                UnexpectedException {
    @Serial private static final long serialVersionUID = 1L;

    CountersignException(Details details) {
        super(details);
    }

    /**
     * Returns whether the same call may succeed later, after {@link #retryAfter()} if there is one.
     *
     * @return whether this is a {@link RetryException}
     */
    public boolean isRetryable() {
        return verdict() == Verdict.RETRY;
    }

    /** Returns the message and the hint, if there is one. A stack trace begins with it. */
    @Override
    public String toString() {
        return hint().map(hint -> super.toString() + " (" + hint + ")").orElseGet(super::toString);
    }
}
