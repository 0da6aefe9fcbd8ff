package dev.countersign;

import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;

/**
 * A native object. It is freed once, when it is closed and no call is in progress. If its owner
 * becomes unreachable without being closed, the garbage collector closes it.
 */
final class Handle implements Runnable {
    private static final Cleaner CLEANER = Cleaner.create();
    private static final int CLOSED = 1 << 30;
    private static final int FREED = 1 << 29;

    private final String name;
    private final long address;
    private final LongConsumer free;
    /**
     * The number of calls in progress, with {@link #CLOSED} and {@link #FREED} in the upper bits.
     */
    private final AtomicInteger state = new AtomicInteger();
    private Cleaner.Cleanable cleanable;

    /**
     * @param name the object's name, for messages
     * @param free frees the object; must not refer to the owner
     */
    Handle(String name, long address, LongConsumer free) {
        this.name = name;
        this.address = address;
        this.free = free;
    }

    /**
     * Closes this handle when {@code owner} becomes unreachable. Called once, before the handle is
     * shared.
     */
    void ownedBy(Object owner) {
        cleanable = CLEANER.register(owner, this);
    }

    /** Closes the handle: later calls fail, and the last call in progress frees the object. */
    void close() {
        cleanable.clean();
    }

    /** Returns whether the handle is closed. Calls may still be in progress. */
    boolean isClosed() {
        return state.get() >= FREED;
    }

    /** Begins a call, which {@link #leave} must end, and returns the native object. */
    long enter() {
        if (state.getAndIncrement() >= FREED) {
            leave();
            throw Failure.closed(name);
        }
        return address;
    }

    void leave() {
        if (state.decrementAndGet() == CLOSED) {
            freeOnce();
        }
    }

    /** Runs for {@link #close}, or for an owner that became unreachable. */
    @Override
    public void run() {
        int before = state.getAndUpdate(state -> state >= FREED ? state : state | CLOSED);
        if (before == 0) {
            freeOnce();
        }
    }

    private void freeOnce() {
        // A call that fails because of the close may be counted for a moment. Then its leave gets here again.
        if (state.compareAndSet(CLOSED, FREED)) {
            free.accept(address);
        }
    }
}
