package dev.countersign;

/** Where a token came from this time. */
public enum Source {
    /** Asked for anew: by assertion, client credentials or a login. */
    MINTED(1),

    /** Got with a refresh token. */
    REFRESHED(2),

    /** From this process's memory. */
    CACHE(3),

    /** From the store. */
    STORE(4),

    /** From where this version of the package does not know. */
    UNKNOWN(-1);

    private final int number;

    Source(int number) {
        this.number = number;
    }

    static Source of(int number) {
        for (Source source : values()) {
            if (source.number == number) {
                return source;
            }
        }
        return UNKNOWN;
    }
}
