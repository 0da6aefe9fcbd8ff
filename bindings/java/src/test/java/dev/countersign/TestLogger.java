package dev.countersign;

import java.util.ResourceBundle;
import java.util.function.BiConsumer;

/** Passes lines to a function. */
record TestLogger(System.Logger.Level least, BiConsumer<System.Logger.Level, String> lines) implements System.Logger {
    @Override
    public String getName() {
        return "test";
    }

    @Override
    public boolean isLoggable(Level level) {
        return level.getSeverity() >= least.getSeverity();
    }

    @Override
    public void log(Level level, ResourceBundle bundle, String line, Throwable thrown) {
        lines.accept(level, line);
    }

    @Override
    public void log(Level level, ResourceBundle bundle, String format, Object... values) {
        lines.accept(level, format);
    }
}
