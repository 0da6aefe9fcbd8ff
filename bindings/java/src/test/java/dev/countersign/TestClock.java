package dev.countersign;

import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** The system's clock, plus an offset. */
final class TestClock implements InstantSource {
    private final AtomicLong offsetMs = new AtomicLong();

    void advance(long seconds) {
        offsetMs.addAndGet(TimeUnit.SECONDS.toMillis(seconds));
    }

    long offsetSeconds() {
        return TimeUnit.MILLISECONDS.toSeconds(offsetMs.get());
    }

    @Override
    public Instant instant() {
        return Instant.now().plusMillis(offsetMs.get());
    }
}
