package dev.countersign;

/**
 * Passes the library's log to a {@link System.Logger}. A library should be quiet by default, so its
 * lines about requests have the level {@code DEBUG}.
 */
final class Logging {
    /** The default logger, which also gets the exceptions of callbacks. */
    static final System.Logger LOGGER = System.getLogger("dev.countersign");

    private Logging() {}

    /** Returns the most verbose level that the logger logs, or null if it logs nothing. */
    static LogLevel most(System.Logger logger) {
        LogLevel most = null;
        for (LogLevel level : LogLevel.values()) {
            if (logger.isLoggable(level(level))) {
                most = level;
            }
        }
        return most;
    }

    static System.Logger.Level level(LogLevel level) {
        return switch (level) {
            case ERROR -> System.Logger.Level.ERROR;
            case WARN -> System.Logger.Level.WARNING;
            case INFO -> System.Logger.Level.DEBUG;
            case DEBUG -> System.Logger.Level.TRACE;
        };
    }
}
