package dev.countersign;

import java.io.Serial;

/**
 * Why a call failed. There is a subclass for each {@link Verdict}, and that is what a program tells apart:
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
 * <p>No secret is in it: it can be logged whole.
 */
public abstract class CountersignException extends ErrorFields {
    @Serial private static final long serialVersionUID = 1L;

    CountersignException(Details details) {
        super(details);
    }

    /**
     * How the call ended.
     *
     * @return the status
     */
    public Status status() {
        return Status.of(details.status());
    }

    /**
     * How the call ended, as the number that the native library gave.
     *
     * @return the number
     */
    public int statusNumber() {
        return details.status();
    }

    /** The message, and the hint where there is one: what a stack trace begins with. */
    @Override
    public String toString() {
        return hint().map(hint -> super.toString() + " (" + hint + ")").orElseGet(super::toString);
    }
}
