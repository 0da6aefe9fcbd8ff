package dev.countersign;

/** What changed about a connection's token. */
public enum Change {
    /** There is a new token; the refresh token is the former one, or there is none. */
    OBTAINED(1),

    /** There is a new token, and with it the vendor replaced the refresh token. */
    ROTATED(2),

    /** The connection was forgotten. */
    FORGOTTEN(3),

    /** A change that this version of the package does not know. */
    UNKNOWN(-1);

    private final int number;

    Change(int number) {
        this.number = number;
    }

    static Change of(int number) {
        for (Change change : values()) {
            if (change.number == number) {
                return change;
            }
        }
        return UNKNOWN;
    }
}
