package dev.countersign;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/** Runs calls that the library can't start without blocking their callers, such as a drain. */
final class Waiting {
    private static final int MOST = 32;
    private static final AtomicInteger COUNT = new AtomicInteger();
    /** The calls block on the network, so they can't use the JVM's common pool. */
    private static final ThreadPoolExecutor POOL =
            new ThreadPoolExecutor(MOST, MOST, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), Waiting::thread);

    static {
        POOL.allowCoreThreadTimeOut(true);
    }

    private final Executor executor;

    /**
     * @param executor runs the calls; null for the threads of this package
     */
    Waiting(Executor executor) {
        this.executor = executor == null ? POOL : executor;
    }

    /** Runs a call that is bounded by the settings. */
    <T> CompletableFuture<T> later(Supplier<T> call) {
        return CompletableFuture.supplyAsync(call, executor);
    }

    CompletableFuture<Void> later(Runnable call) {
        return CompletableFuture.runAsync(call, executor);
    }

    /** Runs a call that may wait for a person, on its own thread. */
    static <T> CompletableFuture<T> apart(Supplier<T> call) {
        return CompletableFuture.supplyAsync(call, work -> thread(work).start());
    }

    /** Runs what depends on a call that the library has started. */
    Executor executor() {
        return executor;
    }

    /** Returns the result of a call. Interrupting the thread cancels the call. */
    static <T> T result(CompletableFuture<T> call) {
        try {
            return call.get();
        } catch (InterruptedException interruption) {
            call.cancel(false);
            Thread.currentThread().interrupt();
            throw new CancellationException("the thread was interrupted while it waited for a token");
        } catch (ExecutionException failure) {
            throw failure.getCause() instanceof RuntimeException cause ? cause : new CompletionException(failure);
        }
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "countersign-" + COUNT.incrementAndGet());
        thread.setDaemon(true);
        return thread;
    }
}
