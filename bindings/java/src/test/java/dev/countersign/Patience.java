package dev.countersign;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Waits for another thread or process. */
final class Patience {
    private static final Duration BETWEEN = Duration.ofMillis(10);

    private Patience() {}

    static void until(Duration atMost, BooleanSupplier so) {
        long end = System.nanoTime() + atMost.toNanos();
        while (!so.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("not so within " + atMost);
            }
            LockSupport.parkNanos(BETWEEN.toNanos());
        }
    }
}
