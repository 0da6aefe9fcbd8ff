package dev.countersign;

import java.nio.ByteBuffer;

/**
 * The functions of {@code countersign.h}, and what is needed to call them: the only way from this package to native
 * code. Pointers are {@code long}.
 *
 * <p>{@link JnaAbi} is the one implementation. Another one, over {@code java.lang.foreign}, can stand beside it
 * without a change elsewhere.
 */
interface Abi extends Functions {
    /** The {@code csign_sign_fn} that calls {@link Callbacks#sign}. */
    long signFunction();

    /** The {@code csign_clock_fn} that calls {@link Callbacks#clock}. */
    long clockFunction();

    /** The {@code csign_log_fn} that calls {@link Callbacks#log}. */
    long logFunction();

    /** The {@code csign_change_fn} that calls {@link Callbacks#change}. */
    long changeFunction();

    /** The {@code csign_open_fn} that calls {@link Callbacks#open}. */
    long openFunction();

    /** The {@code csign_destroy_fn} that calls {@link Callbacks#destroy}. */
    long destroyFunction();

    /** A buffer over native memory, which it does not own. */
    ByteBuffer view(long address, int size);

    /** Memory outside of the heap, until {@link #release}. */
    long allocate(long size);

    /** Gives back what {@link #allocate} gave. */
    void release(long address);

    /** Copies bytes out of native memory. */
    byte[] read(long address, int length);

    /** Copies bytes into native memory. */
    void write(long address, byte[] bytes);

    /** Eight bytes as a number in the machine's order. */
    long readLong(long address);

    /** Writes eight bytes as a number in the machine's order. */
    void writeLong(long address, long value);
}
