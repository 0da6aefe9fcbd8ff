package dev.countersign;

/**
 * Replaces the system's clocks, for tests. It is called often, on any thread, concurrently and
 * while a lock is held, so it must be fast. It must not call the client. If it throws, the system's
 * clocks are used.
 */
public interface Clock {
    /**
     * Returns the wall clock time.
     *
     * @return milliseconds since 1970-01-01 UTC
     */
    long unixMillis();

    /**
     * Returns the time since boot, which never decreases.
     *
     * @return milliseconds since boot, including sleep
     */
    long bootMillis();
}
