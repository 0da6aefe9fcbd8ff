package dev.countersign;

import java.nio.ByteBuffer;

/**
 * The functions of {@code countersign.h}, and access to native memory. All native code is called
 * through this interface. Pointers are {@code long}.
 *
 * <p>{@link JnaAbi} is the only implementation. Another one, with {@code java.lang.foreign}, could
 * be added without other changes.
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

    /** The {@code csign_done_fn} that calls {@link Callbacks#done}. */
    long doneFunction();

    /** The {@code csign_destroy_fn} that calls {@link Callbacks#destroy}. */
    long destroyFunction();

    /** Returns a buffer of native memory, which it doesn't own. */
    ByteBuffer view(long address, int size);

    /** Allocates native memory, until {@link #release}. */
    long allocate(long size);

    /** Frees memory from {@link #allocate}. */
    void release(long address);

    /** Copies bytes out of native memory. */
    byte[] read(long address, int length);

    /** Copies bytes into native memory. */
    void write(long address, byte[] bytes);

    /** Reads eight bytes as a number in native byte order. */
    long readLong(long address);

    /** Writes a number as eight bytes in native byte order. */
    void writeLong(long address, long value);
}
