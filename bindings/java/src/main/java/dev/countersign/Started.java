package dev.countersign;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.UnaryOperator;

/**
 * A call that the library has started. It completes a future when the library calls back; no thread
 * waits for it. If the future is cancelled or completed by anybody else, the call ends in the
 * library, too. A request in flight continues.
 */
final class Started<T> {
    /** {@code sizeof(csign_call_options)}: four members of eight bytes. */
    private static final int OPTIONS_SIZE = 32;

    /** A {@code csign_client_..._start}. */
    interface Start {
        int call(long options, long done, long userData, long error);
    }

    /** Reads the result of a call that succeeded. */
    interface Read<T> {
        T from(Frame frame, long result);
    }

    private final Abi abi;
    private final Executor executor;
    private final Read<T> read;
    private final UnaryOperator<RuntimeException> failing;
    private final CompletableFuture<T> future = new CompletableFuture<>();
    private final long cancel;

    /**
     * @param executor completes the future, so that what depends on it doesn't run on the library's
     *     thread
     * @param failing returns the exception for the caller
     */
    Started(Abi abi, Frame frame, Executor executor, Read<T> read, UnaryOperator<RuntimeException> failing) {
        long out = frame.slot();
        frame.check(abi.csign_cancel_new(out, frame.error()));
        this.abi = abi;
        this.executor = executor;
        this.read = read;
        this.failing = failing;
        this.cancel = frame.longAt(out);
    }

    /**
     * Starts the call.
     *
     * @param minValidMs 0 for the setting {@code min_valid_s}
     * @param timeout null without a timeout
     */
    CompletableFuture<T> start(Frame frame, long minValidMs, Duration timeout, Start start) {
        long options = frame.room(OPTIONS_SIZE).address();
        abi.writeLong(options, OPTIONS_SIZE);
        abi.writeLong(options + 8, minValidMs);
        // The library takes 0 as no timeout.
        abi.writeLong(options + 16, timeout == null ? 0 : Math.max(1, Millis.of("timeout", timeout)));
        abi.writeLong(options + 24, cancel);
        long userData = Callbacks.keep(this);
        int status = start.call(options, abi.doneFunction(), userData, frame.error());
        if (status != 0) {
            Callbacks.destroy(userData);
            abi.csign_cancel_free(cancel);
            throw frame.failure(status);
        }
        // Does nothing after the call has ended: the signal is freed then.
        future.whenComplete((value, failure) -> abi.csign_cancel_set(cancel));
        return future;
    }

    /** Ends the call. Called once, on the library's thread. */
    void end(long result) {
        abi.csign_cancel_free(cancel);
        Runnable completion = completion(result);
        try {
            executor.execute(completion);
        } catch (RejectedExecutionException shutdown) {
            completion.run();
        }
    }

    private Runnable completion(long result) {
        try (Frame frame = Frame.open(abi)) {
            int status = abi.csign_result_status(result);
            if (status != 0) {
                RuntimeException failure = Failure.read(abi, frame, status, abi.csign_result_error(result));
                RuntimeException shown = failing.apply(failure);
                return () -> future.completeExceptionally(shown);
            }
            T value = read.from(frame, result);
            return () -> future.complete(value);
        } catch (RuntimeException | Error failure) {
            return () -> future.completeExceptionally(failure);
        } finally {
            abi.csign_result_free(result);
        }
    }
}
