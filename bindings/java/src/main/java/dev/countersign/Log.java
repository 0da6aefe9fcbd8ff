package dev.countersign;

/**
 * Receives the library's log. Any thread may call it, several at the same time. It must not call
 * the client.
 */
@FunctionalInterface
public interface Log {
    /**
     * Receives a line.
     *
     * @param level the severity
     * @param line one line, which contains no secrets
     */
    void line(LogLevel level, String line);
}
