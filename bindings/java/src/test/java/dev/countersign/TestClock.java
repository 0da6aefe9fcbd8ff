package dev.countersign;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** The system's clocks, plus an offset. */
final class TestClock implements Clock {
    private final AtomicLong offsetMs = new AtomicLong();

    void advance(long seconds) {
        offsetMs.addAndGet(TimeUnit.SECONDS.toMillis(seconds));
    }

    long offsetSeconds() {
        return TimeUnit.MILLISECONDS.toSeconds(offsetMs.get());
    }

    @Override
    public long unixMillis() {
        return System.currentTimeMillis() + offsetMs.get();
    }

    @Override
    public long bootMillis() {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime()) + offsetMs.get();
    }
}
