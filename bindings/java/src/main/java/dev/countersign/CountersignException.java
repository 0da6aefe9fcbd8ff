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
 * <p>It contains no secrets, so it can be logged.
 */
public abstract class CountersignException extends ErrorFields {
    @Serial private static final long serialVersionUID = 1L;

    CountersignException(Details details) {
        super(details);
    }

    /**
     * Returns the status of the call.
     *
     * @return the status
     */
    public Status status() {
        return Status.of(details.status());
    }

    /**
     * Returns the status of the call as the native library's number.
     *
     * @return the number
     */
    public int statusNumber() {
        return details.status();
    }

    /** Returns the message and the hint, if there is one. A stack trace begins with it. */
    @Override
    public String toString() {
        return hint().map(hint -> super.toString() + " (" + hint + ")").orElseGet(super::toString);
    }
}
