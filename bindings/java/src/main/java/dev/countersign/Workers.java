package dev.countersign;

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The default threads of asynchronous calls. They block on the network, so they can't use the JVM's
 * common pool, which has one thread per processor.
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

    /** Runs work that may wait for a person on its own thread. */
    static void apart(Runnable work) {
        thread(work).start();
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "countersign-" + COUNT.incrementAndGet());
        thread.setDaemon(true);
        return thread;
    }
}
