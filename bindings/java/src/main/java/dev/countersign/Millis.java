package dev.countersign;

import java.time.Duration;

/** Converts durations to the library's milliseconds. */
final class Millis {
    private Millis() {}

    /** Rounds up, because 0 means the setting. */
    static long of(String name, Duration duration) {
        if (duration.isNegative()) {
            throw new IllegalArgumentException(name + " is " + duration + ", but must not be negative");
        }
        try {
            return duration.plusNanos(999_999).toMillis();
        } catch (ArithmeticException tooLong) {
            return Long.MAX_VALUE;
        }
    }
}
