package dev.countersign;

/**
 * What to do about an error. The same words in every language; here each also has an exception of its own.
 */
public enum Verdict {
    /** Try again, after the wait that the error gives, if any: {@link RetryException}. */
    RETRY(1, "retry"),

    /** A person must act, at the error's URL if it has one: {@link ReauthorizeException}. */
    REAUTHORIZE(2, "reauthorize"),

    /** A setting is wrong, here or at the vendor; the message names it: {@link FixConfigurationException}. */
    FIX_CONFIGURATION(3, "fix_configuration"),

    /** The server may have rotated the refresh token; nothing was sent twice: {@link OutcomeUnknownException}. */
    OUTCOME_UNKNOWN(4, "outcome_unknown"),

    /**
     * An unreadable response, a signature that does not verify, a wrong call, or a bug: {@link UnexpectedException}.
     */
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
