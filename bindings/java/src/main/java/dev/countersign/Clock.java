package dev.countersign;

/**
 * Tells the time instead of the machine's clocks: for tests. May be called on any thread and concurrently, often,
 * and while a lock is held: it must be quick, and must not call the client. Where it throws, the machine's clocks
 * are used.
 */
public interface Clock {
    /**
     * The wall clock.
     *
     * @return milliseconds since 1970-01-01 UTC
     */
    long unixMillis();

    /**
     * The clock since boot, which never goes back.
     *
     * @return milliseconds since the machine started, sleep included
     */
    long bootMillis();
}
