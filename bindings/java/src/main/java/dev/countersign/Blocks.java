package dev.countersign;

import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * A pool of memory blocks for calls, of fixed size, independent of the number of threads. If the
 * pool is empty, a call allocates a block, which is freed afterwards if the pool is full.
 */
final class Blocks {
    /**
     * A power of two: about two blocks for each processor, because a call that waits holds its
     * block.
     */
    static final int MAX = Integer.highestOneBit(Math.max(8, 2 * Runtime.getRuntime().availableProcessors()));
    /** The distance between slots, so that threads don't write to the same cache line. */
    private static final int APART = 16;

    private static final AtomicReferenceArray<Frame.Block> KEPT = new AtomicReferenceArray<>(MAX * APART);

    private Blocks() {}

    static Frame.Block take(Abi abi) {
        int first = first();
        for (int i = 0; i < MAX; i++) {
            int place = place(first + i);
            if (KEPT.getPlain(place) != null) {
                Frame.Block block = KEPT.getAndSet(place, null);
                if (block != null) {
                    return block;
                }
            }
        }
        return new Frame.Block(abi);
    }

    static void giveBack(Abi abi, Frame.Block block) {
        int first = first();
        for (int i = 0; i < MAX; i++) {
            int place = place(first + i);
            if (KEPT.getPlain(place) == null && KEPT.compareAndSet(place, null, block)) {
                return;
            }
        }
        block.release(abi);
    }

    /** Returns the number of blocks in the pool. */
    static int kept() {
        int kept = 0;
        for (int i = 0; i < MAX; i++) {
            kept += KEPT.get(place(i)) == null ? 0 : 1;
        }
        return kept;
    }

    /** The slot where a thread looks first, which is usually the one of its last block. */
    private static int first() {
        return (int) Thread.currentThread().getId();
    }

    private static int place(int number) {
        return (number & (MAX - 1)) * APART;
    }
}
