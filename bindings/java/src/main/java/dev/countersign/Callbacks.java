package dev.countersign;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * The library's callbacks. Each object is kept under a number, which is the callback's
 * {@code user_data}, until the library calls {@code destroy}. Exceptions of callbacks end here.
 */
final class Callbacks {
    private static final int FAILED = 1;
    private static final AtomicLong NUMBERS = new AtomicLong();
    private static final Map<Long, Object> KEPT = new ConcurrentHashMap<>();

    private Callbacks() {}

    /** Keeps an object for the library, and returns its number. */
    static long keep(Object object) {
        long number = NUMBERS.incrementAndGet();
        KEPT.put(number, object);
        return number;
    }

    /** Returns the number of the latest object. */
    static long latest() {
        return NUMBERS.get();
    }

    /** Returns how many objects after this number are kept. */
    static long keptAfter(long number) {
        return KEPT.keySet().stream().filter(kept -> kept > number).count();
    }

    static void destroy(long userData) {
        KEPT.remove(userData);
    }

    static int sign(
            long userData, long input, long inputLength, long signature, long capacity, long written) {
        try {
            Signer signer = (Signer) KEPT.get(userData);
            Abi abi = Library.abi();
            byte[] made = signer.sign(abi.read(input, Math.toIntExact(inputLength)));
            if (made == null || made.length > capacity) {
                throw new IllegalStateException(made == null
                        ? "the signer returned null"
                        : "the signer returned " + made.length + " bytes, but the maximum is " + capacity);
            }
            abi.write(signature, made);
            abi.writeLong(written, made.length);
            return 0;
        } catch (Throwable failure) {
            return failed(failure);
        }
    }

    static int clock(long userData, long unixMs, long bootMs) {
        try {
            HostClock clock = (HostClock) KEPT.get(userData);
            Abi abi = Library.abi();
            long now = clock.unixMillis();
            abi.writeLong(unixMs, now);
            abi.writeLong(bootMs, clock.bootMillis(now));
            return 0;
        } catch (Throwable failure) {
            report("the clock failed; the system clock is used", failure);
            return FAILED;
        }
    }

    static void log(long userData, int level, long line, long length) {
        try {
            System.Logger logger = (System.Logger) KEPT.get(userData);
            logger.log(Logging.level(LogLevel.of(level)), text(line, length));
        } catch (Throwable failure) {
            report("the logger failed; a line is lost", failure);
        }
    }

    static void change(long userData, int change, long token) {
        try {
            TokenChangeListener listener = (TokenChangeListener) KEPT.get(userData);
            listener.changed(TokenChange.of(change), token == 0 ? null : Token.read(Library.abi(), token));
        } catch (Throwable failure) {
            report("the listener failed", failure);
        }
    }

    static void done(long userData, long result) {
        try {
            ((Started<?>) KEPT.remove(userData)).end(result);
        } catch (Throwable failure) {
            report("the end of a call failed", failure);
        }
    }

    static int open(long userData, long url, long urlLength) {
        try {
            @SuppressWarnings("unchecked")
            Consumer<String> open = (Consumer<String>) KEPT.get(userData);
            open.accept(text(url, urlLength));
            return 0;
        } catch (Throwable failure) {
            return failed(failure);
        }
    }

    /** Returns the exception that the library has under this number, or null. */
    static Throwable cause(long number) {
        return (Throwable) KEPT.get(number);
    }

    /** Attaches an exception to the error that the library returns to its caller. */
    private static int failed(Throwable failure) {
        Abi abi = Library.abi();
        abi.csign_callback_set_cause(keep(failure), abi.destroyFunction());
        return FAILED;
    }

    private static String text(long address, long length) {
        return new String(Library.abi().read(address, Math.toIntExact(length)), StandardCharsets.UTF_8);
    }

    private static void report(String message, Throwable failure) {
        try {
            Logging.LOGGER.log(System.Logger.Level.WARNING, message, failure);
        } catch (Throwable second) {
            // The logger failed, too. The library's thread must continue.
            return;
        }
    }
}
