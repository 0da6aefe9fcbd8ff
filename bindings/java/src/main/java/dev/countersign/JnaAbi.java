package dev.countersign;

import java.nio.ByteBuffer;

import com.sun.jna.Callback;
import com.sun.jna.CallbackReference;
import com.sun.jna.CallbackThreadInitializer;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;

/** Implements {@link Abi} with JNA. */
final class JnaAbi extends JnaFunctions implements Abi {
    // JNA holds callbacks weakly. These fields keep them alive.
    private static final SignCallback SIGN = Callbacks::sign;
    private static final ClockCallback CLOCK = Callbacks::clock;
    private static final LogCallback LOG = Callbacks::log;
    private static final ChangeCallback CHANGE = Callbacks::change;
    private static final OpenCallback OPEN = Callbacks::open;
    private static final DoneCallback DONE = Callbacks::done;
    private static final DestroyCallback DESTROY = Callbacks::destroy;

    JnaAbi(NativeLibrary library) {
        Native.register(JnaFunctions.class, library);
    }

    /** Calls {@code csign_abi_version} of a library, before anything else. */
    static int versionOf(NativeLibrary library) {
        return library.getFunction("csign_abi_version").invokeInt(new Object[0]);
    }

    @Override
    public long signFunction() {
        return function(SIGN);
    }

    @Override
    public long clockFunction() {
        return function(CLOCK);
    }

    @Override
    public long logFunction() {
        return function(LOG);
    }

    @Override
    public long changeFunction() {
        return function(CHANGE);
    }

    @Override
    public long openFunction() {
        return function(OPEN);
    }

    @Override
    public long doneFunction() {
        return function(DONE);
    }

    @Override
    public long destroyFunction() {
        return function(DESTROY);
    }

    @Override
    public ByteBuffer view(long address, int size) {
        return new Pointer(address).getByteBuffer(0, size);
    }

    @Override
    public long allocate(long size) {
        long address = Native.malloc(size);
        if (address == 0) {
            throw new OutOfMemoryError("no native memory for " + size + " bytes");
        }
        return address;
    }

    @Override
    public void release(long address) {
        Native.free(address);
    }

    @Override
    public byte[] read(long address, int length) {
        return new Pointer(address).getByteArray(0, length);
    }

    @Override
    public void write(long address, byte[] bytes) {
        new Pointer(address).write(0, bytes, 0, bytes.length);
    }

    @Override
    public long readLong(long address) {
        return new Pointer(address).getLong(0);
    }

    @Override
    public void writeLong(long address, long value) {
        new Pointer(address).setLong(0, value);
    }

    private static long function(Callback callback) {
        // The library's threads become daemon threads of the JVM and stay attached until they end, because attaching
        // at each call would cost more than the call.
        Native.setCallbackThreadInitializer(
                callback, new CallbackThreadInitializer(true, false, "countersign"));
        return Pointer.nativeValue(CallbackReference.getFunctionPointer(callback));
    }
}
