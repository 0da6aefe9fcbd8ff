package dev.countersign;

/**
 * Takes the lines of the library's log. Called on the threads that carry requests, and concurrently; must not call
 * the client.
 */
@FunctionalInterface
public interface Log {
    /**
     * Takes a line.
     *
     * @param level how much it matters
     * @param line one line, without a secret
     */
    void line(LogLevel level, String line);
}
