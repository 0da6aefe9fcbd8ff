package dev.countersign;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * What the library calls back. An object is kept here under a number, which is the callback's {@code user_data},
 * until the library says {@code destroy}. Nothing that a callback throws goes further than this class.
 */
final class Callbacks {
    private static final int FAILED = 1;
    private static final System.Logger LOGGER = System.getLogger("dev.countersign");
    private static final AtomicLong NUMBERS = new AtomicLong();
    private static final Map<Long, Object> KEPT = new ConcurrentHashMap<>();

    private Callbacks() {}

    /** Keeps an object for the library, and gives its number. */
    static long keep(Object object) {
        long number = NUMBERS.incrementAndGet();
        KEPT.put(number, object);
        return number;
    }

    /** How many objects are kept. */
    static int kept() {
        return KEPT.size();
    }

    static void destroy(long userData) {
        KEPT.remove(userData);
    }

    static int sign(
            long userData, long input, long inputLength, long signature, long capacity, long written) {
        Signing signing = null;
        try {
            signing = (Signing) KEPT.get(userData);
            Abi abi = Library.abi();
            byte[] made = signing.signer.sign(abi.read(input, Math.toIntExact(inputLength)));
            if (made == null || made.length > capacity) {
                throw new IllegalStateException(made == null
                        ? "the signer gave no signature"
                        : "the signer's signature has " + made.length + " bytes; at most " + capacity + " fit");
            }
            abi.write(signature, made);
            abi.writeLong(written, made.length);
            return 0;
        } catch (Throwable failure) {
            if (signing != null) {
                signing.failure = failure;
            }
            return FAILED;
        }
    }

    static int clock(long userData, long unixMs, long bootMs) {
        try {
            Clock clock = (Clock) KEPT.get(userData);
            Abi abi = Library.abi();
            abi.writeLong(unixMs, clock.unixMillis());
            abi.writeLong(bootMs, clock.bootMillis());
            return 0;
        } catch (Throwable failure) {
            report("the clock failed, and the machine's is used", failure);
            return FAILED;
        }
    }

    static void log(long userData, int level, long line, long length) {
        try {
            Log log = (Log) KEPT.get(userData);
            log.line(LogLevel.of(level), text(line, length));
        } catch (Throwable failure) {
            report("the log failed, and a line is lost", failure);
        }
    }

    static void change(long userData, int change, long token) {
        try {
            ChangeListener listener = (ChangeListener) KEPT.get(userData);
            listener.changed(Change.of(change), token == 0 ? null : Token.read(Library.abi(), token));
        } catch (Throwable failure) {
            report("a listener failed", failure);
        }
    }

    static int open(long userData, long url, long urlLength) {
        Opening opening = null;
        try {
            opening = (Opening) KEPT.get(userData);
            opening.open.accept(text(url, urlLength));
            return 0;
        } catch (Throwable failure) {
            if (opening != null) {
                opening.failure = failure;
            }
            return FAILED;
        }
    }

    private static String text(long address, long length) {
        return new String(Library.abi().read(address, Math.toIntExact(length)), StandardCharsets.UTF_8);
    }

    private static void report(String message, Throwable failure) {
        try {
            LOGGER.log(System.Logger.Level.WARNING, message, failure);
        } catch (Throwable second) {
            // There is nobody left to tell, and the library's thread must go on.
            return;
        }
    }

    /** A signer, and what it threw last: the cause of the exception that its failure becomes. */
    static final class Signing {
        private final Signer signer;
        private volatile Throwable failure;

        Signing(Signer signer) {
            this.signer = signer;
        }

        /** The exception, with what the signer threw as its cause. */
        CountersignException explain(CountersignException exception) {
            Throwable cause = failure;
            if (cause != null && exception.status() == Status.SIGNING) {
                exception.initCause(cause);
            }
            return exception;
        }
    }

    /** What opens a URL, and what it threw. */
    static final class Opening {
        private final Consumer<String> open;
        private Throwable failure;

        Opening(Consumer<String> open) {
            this.open = open;
        }

        /** The exception, with what the opener threw as its cause. */
        CountersignException explain(CountersignException exception) {
            if (failure != null) {
                exception.initCause(failure);
            }
            return exception;
        }
    }
}
