package dev.countersign;

import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * Runs calls that may wait, without blocking their callers. A thread waits for each of them. This
 * is the only place that knows that, so a completion callback of the library could replace it.
 */
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

    /** Returns the result of a call, if it ends in time. The call continues in any case. */
    static <T> T within(Duration timeout, CompletableFuture<T> call) {
        try {
            return call.get(Millis.of("timeout", timeout), TimeUnit.MILLISECONDS);
        } catch (TimeoutException late) {
            throw Failure.timeout(timeout);
        } catch (InterruptedException interruption) {
            Thread.currentThread().interrupt();
            throw new CancellationException("the thread was interrupted while it waited for a token");
        } catch (ExecutionException failure) {
            throw failure.getCause() instanceof RuntimeException cause ? cause : new CompletionException(failure);
        }
    }

    /** Like {@link #within}, without blocking this thread. */
    static <T> CompletableFuture<T> withinAsync(Duration timeout, CompletableFuture<T> call) {
        return call.orTimeout(Millis.of("timeout", timeout), TimeUnit.MILLISECONDS)
                .exceptionallyCompose(failure -> CompletableFuture.failedFuture(
                        failure instanceof TimeoutException ? Failure.timeout(timeout) : failure));
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "countersign-" + COUNT.incrementAndGet());
        thread.setDaemon(true);
        return thread;
    }
}
