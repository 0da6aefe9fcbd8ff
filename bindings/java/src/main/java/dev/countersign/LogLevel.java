package dev.countersign;

/** How much a line of the log matters. */
public enum LogLevel {
    /** Something is lost or about to be. */
    ERROR(1),

    /** Something works, but worse than it could. */
    WARN(2),

    /** Requests and their answers. */
    INFO(3),

    /** Names of headers, and what plugins say. */
    DEBUG(4);

    private final int number;

    LogLevel(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }

    /** The level of a number; one that is not known matters least. */
    static LogLevel of(int number) {
        for (LogLevel level : values()) {
            if (level.number == number) {
                return level;
            }
        }
        return DEBUG;
    }
}
