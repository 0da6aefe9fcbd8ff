package dev.countersign;

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads of asynchronous calls, where the user brings none. They wait for networks, so the JVM's common pool,
 * which has one thread per processor, is not for them.
 */
final class Workers {
    private static final int MOST = 32;
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final ThreadPoolExecutor POOL =
            new ThreadPoolExecutor(MOST, MOST, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), Workers::thread);

    static {
        POOL.allowCoreThreadTimeOut(true);
    }

    private Workers() {}

    static Executor pool() {
        return POOL;
    }

    /** Runs what may wait for a person on a thread of its own. */
    static void apart(Runnable work) {
        thread(work).start();
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "countersign-" + COUNT.incrementAndGet());
        thread.setDaemon(true);
        return thread;
    }
}
