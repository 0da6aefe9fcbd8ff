package dev.countersign;

import java.io.Serial;
import java.io.Serializable;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;

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
public abstract class CountersignException extends RuntimeException {
    @Serial private static final long serialVersionUID = 1L;

    /** What the exception carries. */
    private final Details details;

    CountersignException(Details details) {
        super(details.message());
        this.details = details;
    }

    /**
     * What to do about it.
     *
     * @return the verdict
     */
    public Verdict verdict() {
        return details.verdict();
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

    /**
     * What happened, as a word that is the same in every language, such as {@code consent_required}; {@code usage}
     * where the call itself was wrong.
     *
     * @return the word
     */
    public String kind() {
        return details.kind();
    }

    /**
     * One sentence on what to do about it.
     *
     * @return the hint, where there is one
     */
    public Optional<String> hint() {
        return Optional.ofNullable(details.hint());
    }

    /**
     * The setting to look at.
     *
     * @return the setting's name, where one is to blame
     */
    public Optional<String> setting() {
        return Optional.ofNullable(details.setting());
    }

    /**
     * The HTTP status of the server's answer.
     *
     * @return the status, where a server answered
     */
    public OptionalInt httpStatus() {
        return details.httpStatus() == 0 ? OptionalInt.empty() : OptionalInt.of(details.httpStatus());
    }

    /**
     * The server's {@code error} (RFC 6749 section 5.2).
     *
     * @return the server's word, where it gave one
     */
    public Optional<String> oauthError() {
        return Optional.ofNullable(details.oauthError());
    }

    /**
     * The server's {@code error_description}, with secrets taken out.
     *
     * @return the server's words, where it gave them
     */
    public Optional<String> oauthDescription() {
        return Optional.ofNullable(details.oauthDescription());
    }

    /**
     * How long to wait before trying again.
     *
     * @return the time, where it is known
     */
    public Optional<Duration> retryAfter() {
        return Optional.ofNullable(details.retryAfter());
    }

    /**
     * The URL that a person should open, such as one for consent. An error that asks for a login has none:
     * {@link Client#startLogin()} begins one.
     *
     * @return the URL, if there is one
     */
    public Optional<String> url() {
        return Optional.ofNullable(details.url());
    }

    /**
     * The vendor's trace id of the failed request, for its support desk.
     *
     * @return the id, where there is one
     */
    public Optional<String> traceId() {
        return Optional.ofNullable(details.traceId());
    }

    /**
     * The provider that the error concerns.
     *
     * @return the provider's id, where it concerns one
     */
    public Optional<String> provider() {
        return Optional.ofNullable(details.provider());
    }

    /** The message, and the hint where there is one: what a stack trace begins with. */
    @Override
    public String toString() {
        return hint().map(hint -> super.toString() + " (" + hint + ")").orElseGet(super::toString);
    }

    /** What an error object has; null where it has nothing. */
    record Details(
            int status,
            Verdict verdict,
            String kind,
            String message,
            String hint,
            String setting,
            int httpStatus,
            String oauthError,
            String oauthDescription,
            Duration retryAfter,
            String url,
            String traceId,
            String provider)
            implements Serializable {}
}
