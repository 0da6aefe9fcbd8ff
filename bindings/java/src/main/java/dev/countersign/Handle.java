package dev.countersign;

import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;

/**
 * A native object, freed once: when it is closed and no call is inside it any more. The garbage collector closes
 * it, where its owner was dropped without being closed.
 */
final class Handle implements Runnable {
    private static final Cleaner CLEANER = Cleaner.create();
    private static final int CLOSED = 1 << 30;
    private static final int FREED = 1 << 29;

    private final String name;
    private final long address;
    private final LongConsumer free;
    /** How many calls are inside, with {@link #CLOSED} and {@link #FREED} above. */
    private final AtomicInteger state = new AtomicInteger();
    private Cleaner.Cleanable cleanable;

    /**
     * @param name what it is, for messages
     * @param free must not refer to the owner
     */
    Handle(String name, long address, LongConsumer free) {
        this.name = name;
        this.address = address;
        this.free = free;
    }

    /** Closes this handle when nobody can reach {@code owner} any more. Comes once, before the handle is shared. */
    void ownedBy(Object owner) {
        cleanable = CLEANER.register(owner, this);
    }

    /** Closes the handle: later calls are refused, and the last one that is inside frees. */
    void close() {
        cleanable.clean();
    }

    /** Whether it was closed. Calls that are inside may go on. */
    boolean isClosed() {
        return state.get() >= FREED;
    }

    /** The native object, for a call; each is followed by {@link #leave}. */
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

    /** What {@link #close} does, and the garbage collector for an owner that was dropped. */
    @Override
    public void run() {
        int before = state.getAndUpdate(state -> state >= FREED ? state : state | CLOSED);
        if (before == 0) {
            freeOnce();
        }
    }

    private void freeOnce() {
        // A call that is being refused may be counted for a moment: then its leave comes here again.
        if (state.compareAndSet(CLOSED, FREED)) {
            free.accept(address);
        }
    }
}
