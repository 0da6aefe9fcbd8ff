package dev.countersign;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The native memory of one call: its error, its outputs and its input strings. It is wiped after
 * the call. The memory is from {@link Blocks}, not from the thread, because there may be a hundred
 * thousand threads.
 */
final class Frame implements AutoCloseable {
    // Enough for a token and a few strings. Anything larger is allocated for the call.
    static final int BLOCK_SIZE = 4096;
    private static final byte[] ZEROS = new byte[BLOCK_SIZE];

    private final Abi abi;
    private final Block block;
    private final long error;
    private List<Text> spilled;

    private Frame(Abi abi, Block block) {
        this.abi = abi;
        this.block = block;
        this.error = slot();
    }

    static Frame open(Abi abi) {
        return new Frame(abi, Blocks.take(abi));
    }

    /** Returns the address of the call's {@code csign_error *}. */
    long error() {
        return error;
    }

    /** Reserves eight bytes, all zero. */
    long slot() {
        return reserve(8);
    }

    long longAt(long slot) {
        return block.holds(slot) ? block.buffer.getLong(block.offset(slot)) : abi.readLong(slot);
    }

    int intAt(long slot) {
        return block.holds(slot) ? block.buffer.getInt(block.offset(slot)) : (int) shortened(slot);
    }

    /** Writes a string for the library, in UTF-8. null becomes empty. */
    Text put(String text) {
        return put(text == null ? null : text.getBytes(StandardCharsets.UTF_8));
    }

    /** Writes bytes for the library. null becomes empty. */
    Text put(byte[] bytes) {
        if (bytes == null || bytes.length == 0) {
            return Text.EMPTY;
        }
        long address = reserve(bytes.length);
        if (block.holds(address)) {
            block.buffer.put(block.offset(address), bytes);
        } else {
            abi.write(address, bytes);
        }
        return new Text(address, bytes.length);
    }

    /** Reserves room for an output of this many bytes. */
    Text room(int size) {
        return new Text(reserve(size), size);
    }

    /** Returns the rest of the block as room for an output, until the next reservation. */
    Text rest() {
        return new Text(block.address + block.top, BLOCK_SIZE - block.top);
    }

    /** Copies bytes out of room, and wipes them there. */
    byte[] take(Text room, int length) {
        if (!block.holds(room.address())) {
            return abi.read(room.address(), length);
        }
        byte[] bytes = new byte[length];
        block.buffer.get(block.offset(room.address()), bytes);
        wipe(room, length);
        return bytes;
    }

    /** Returns whether room contains exactly these bytes. If so, wipes them there. */
    boolean takeIfSame(Text room, int length, byte[] bytes) {
        if (length != bytes.length || !block.holds(room.address())) {
            return false;
        }
        ByteBuffer found = block.buffer.slice(block.offset(room.address()), length);
        if (found.mismatch(ByteBuffer.wrap(bytes)) >= 0) {
            return false;
        }
        wipe(room, length);
        return true;
    }

    byte[] bytes(Text room, int length) {
        return abi.read(room.address(), length);
    }

    /** Copies a borrowed string of the library. NULL becomes null. */
    String borrowed(long text, long lengthSlot) {
        if (text == 0) {
            return null;
        }
        return new String(abi.read(text, Math.toIntExact(longAt(lengthSlot))), StandardCharsets.UTF_8);
    }

    /** Copies the bytes of a {@code csign_text} and frees it. */
    byte[] takeBytes(long text) {
        try {
            return bytes(text);
        } finally {
            abi.csign_text_free(text);
        }
    }

    /** Copies the string of a {@code csign_text} that the library still owns. */
    String text(long text) {
        return new String(bytes(text), StandardCharsets.UTF_8);
    }

    private byte[] bytes(long text) {
        long length = slot();
        long value = abi.csign_text_value(text, length);
        return value == 0 ? new byte[0] : abi.read(value, Math.toIntExact(longAt(length)));
    }

    /** Copies the string of a {@code csign_text} and frees it. */
    String takeText(long text) {
        return new String(takeBytes(text), StandardCharsets.UTF_8);
    }

    /** Throws the exception for a status other than OK, and frees the error object. */
    void check(int status) {
        if (status != 0) {
            throw failure(status);
        }
    }

    /** Returns the exception for a status other than OK, and frees the error object. */
    RuntimeException failure(int status) {
        return Failure.take(abi, this, status, longAt(error));
    }

    /** Frees the call's error object, if it is not needed. */
    void forgetError() {
        long object = longAt(error);
        if (object != 0) {
            abi.csign_error_free(object);
            abi.writeLong(error, 0);
        }
    }

    @Override
    public void close() {
        block.buffer.put(0, ZEROS, 0, block.top);
        block.top = 0;
        if (spilled != null) {
            for (Text memory : spilled) {
                abi.write(memory.address(), new byte[(int) memory.length()]);
                abi.release(memory.address());
            }
        }
        Blocks.giveBack(abi, block);
    }

    private void wipe(Text room, int length) {
        block.buffer.put(block.offset(room.address()), ZEROS, 0, length);
    }

    private long reserve(int size) {
        int aligned = (size + 7) & ~7;
        if (aligned <= BLOCK_SIZE - block.top) {
            long address = block.address + block.top;
            block.top += aligned;
            return address;
        }
        long address = abi.allocate(aligned);
        if (spilled == null) {
            spilled = new ArrayList<>();
        }
        spilled.add(new Text(address, aligned));
        abi.write(address, new byte[aligned]);
        return address;
    }

    private long shortened(long slot) {
        byte[] four = abi.read(slot, 4);
        return ByteBuffer.wrap(four).order(ByteOrder.nativeOrder()).getInt();
    }

    /** An address in native memory and the number of bytes. */
    record Text(long address, long length) {
        static final Text EMPTY = new Text(0, 0);
    }

    /** A block of memory, used by one call at a time. */
    static final class Block {
        private final long address;
        private final ByteBuffer buffer;
        private int top;

        Block(Abi abi) {
            address = abi.allocate(BLOCK_SIZE);
            buffer = abi.view(address, BLOCK_SIZE).order(ByteOrder.nativeOrder());
            buffer.put(0, ZEROS, 0, BLOCK_SIZE);
        }

        void release(Abi abi) {
            abi.release(address);
        }

        boolean holds(long place) {
            return place >= address && place < address + BLOCK_SIZE;
        }

        int offset(long place) {
            return (int) (place - address);
        }
    }
}
