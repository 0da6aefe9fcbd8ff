package dev.countersign;

/**
 * What to do about an error. The same words in every language; here each also has an exception of its own.
 */
public enum Verdict {
    /** Try again, after {@link CountersignException#retryAfter()} where that is known: {@link RetryException}. */
    RETRY(1, "retry"),

    /**
     * A person must act; {@link CountersignException#url()} is the consent or login URL where one is known: {@link
     * ReauthorizeException}.
     */
    REAUTHORIZE(2, "reauthorize"),

    /** A setting or the calling program is wrong; the message names it: {@link FixConfigurationException}. */
    FIX_CONFIGURATION(3, "fix_configuration"),

    /**
     * The server may have replaced the refresh token; nothing was sent twice: {@link OutcomeUnknownException}.
     */
    OUTCOME_UNKNOWN(4, "outcome_unknown"),

    /** An unreadable answer, or a bug of ours: {@link UnexpectedException}. */
    UNEXPECTED(5, "unexpected");

    private final int number;
    private final String word;

    Verdict(int number, String word) {
        this.number = number;
        this.word = word;
    }

    /**
     * The word of every language, such as {@code fix_configuration}.
     *
     * @return the word
     */
    public String word() {
        return word;
    }

    /** The verdict of a number; one that is not known is a failure that nobody expected. */
    static Verdict of(int number) {
        for (Verdict verdict : values()) {
            if (verdict.number == number) {
                return verdict;
            }
        }
        return UNEXPECTED;
    }
}
