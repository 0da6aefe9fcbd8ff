package dev.countersign;

import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Memory for calls, kept for the next ones: a fixed number of blocks, whatever the number of threads. A call that finds
 * none has one made, which is freed if there is no place for it afterwards.
 */
final class Blocks {
    /** A power of two: about two for each processor, since a call that waits holds its block. */
    static final int MOST = Integer.highestOneBit(Math.max(8, 2 * Runtime.getRuntime().availableProcessors()));
    /** Places that lie apart, so that threads do not write to one cache line. */
    private static final int APART = 16;

    private static final AtomicReferenceArray<Frame.Block> KEPT = new AtomicReferenceArray<>(MOST * APART);

    private Blocks() {}

    static Frame.Block take(Abi abi) {
        int first = first();
        for (int i = 0; i < MOST; i++) {
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
        for (int i = 0; i < MOST; i++) {
            int place = place(first + i);
            if (KEPT.getPlain(place) == null && KEPT.compareAndSet(place, null, block)) {
                return;
            }
        }
        block.release(abi);
    }

    /** How many are kept. */
    static int kept() {
        int kept = 0;
        for (int i = 0; i < MOST; i++) {
            kept += KEPT.get(place(i)) == null ? 0 : 1;
        }
        return kept;
    }

    /** Where a thread looks first: as a rule where it put its last block. */
    private static int first() {
        return (int) Thread.currentThread().getId();
    }

    private static int place(int number) {
        return (number & (MOST - 1)) * APART;
    }
}
