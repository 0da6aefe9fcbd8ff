package dev.countersign;

import java.time.InstantSource;
import java.util.concurrent.atomic.AtomicLong;

/** Derives the time since boot from a wall clock: it passes with it, and never decreases. */
final class HostClock {
    private final InstantSource source;
    private final AtomicLong latest = new AtomicLong();

    HostClock(InstantSource source) {
        this.source = source;
    }

    long unixMillis() {
        return source.millis();
    }

    long bootMillis(long unixMillis) {
        return latest.accumulateAndGet(unixMillis, Math::max);
    }
}
