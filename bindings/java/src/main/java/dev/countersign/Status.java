package dev.countersign;

/**
 * How a call ended, as the native library numbers it. 1 to 19: the call was wrong. 20 to 39: settings, keys,
 * signatures. 40 to 59: the network and the store. 60 to 79: the server said no. 80 to 89: the answer could not be
 * read. 90 to 99: a plugin. 100 and up: a bug of ours.
 *
 * <p>What a program does about an error depends on its {@link Verdict}; the status is for messages and tests.
 */
public enum Status {
    /** It went well. */
    OK(0),

    /** An argument that must not be NULL is. */
    NULL_ARGUMENT(1),

    /** Text is not UTF-8. */
    BAD_UTF8(2),

    /** A number or length is out of range, or calls come in the wrong order. */
    BAD_ARGUMENT(3),

    /** The handle was freed, or is of another type. */
    BAD_HANDLE(4),

    /** The client was closed. */
    CLOSED(5),

    /** A callback called the client that is calling it. */
    REENTERED(6),

    /** The client was made before this process was forked: make one after. */
    FORKED(7),

    /** The buffer is too small; the length that is needed was written. */
    BUFFER_TOO_SMALL(8),

    /** A setting is missing, unknown, malformed or contradicts another. */
    SETTING(20),

    /** A key could not be read, or does not fit its use. */
    KEY(21),

    /** A signature could not be made. */
    SIGNING(22),

    /** A signature or token did not verify. */
    VERIFICATION(23),

    /** Nothing of the request left: name not resolved, connection refused. */
    CONNECT(40),

    /** The server's certificate or the TLS handshake was not accepted. */
    TLS(41),

    /** The request left, but no complete answer came back. */
    INTERRUPTED(42),

    /** The server asks to slow down. */
    THROTTLED(43),

    /** The server cannot answer now. */
    UNAVAILABLE(44),

    /** The store could not be read or written. */
    STORE(45),

    /** Another holder has the connection's lease. */
    BUSY(46),

    /** The server refused: an OAuth error (RFC 6749 section 5.2). */
    REFUSED(60),

    /** The refresh token or consent is gone; a person has to log in. */
    LOGIN_REQUIRED(61),

    /** The user has not consented, or an administrator has not approved. */
    CONSENT_REQUIRED(62),

    /** Nothing usable is stored yet and the grant needs a login first. */
    NO_TOKEN(63),

    /** The authorization response did not belong to this login, or the person said no. */
    CALLBACK(64),

    /** The clock of this machine and the server's disagree. */
    CLOCK(65),

    /** The answer is not one this protocol knows. */
    UNREADABLE(80),

    /** A plugin could not be loaded, failed, or broke the plugin ABI's rules. */
    PLUGIN(90),

    /** A panic was caught: a bug of ours. The client is poisoned. */
    PANIC(100),

    /** An earlier call on this client panicked; make a new one. */
    POISONED(101),

    /** A bug of ours. */
    INTERNAL(102),

    /** A failure that this package does not know: its number is {@link CountersignException#statusNumber()}. */
    UNKNOWN(-1);

    private final int number;

    Status(int number) {
        this.number = number;
    }

    /**
     * The number in the native library, or -1 for {@link #UNKNOWN}.
     *
     * @return the number
     */
    public int number() {
        return number;
    }

    static Status of(int number) {
        for (Status status : values()) {
            if (status.number == number) {
                return status;
            }
        }
        return UNKNOWN;
    }
}
