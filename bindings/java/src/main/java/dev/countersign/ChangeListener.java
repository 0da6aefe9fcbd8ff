package dev.countersign;

/**
 * Hears of each change of a connection's token, after it is as durable as the store promises and before any caller
 * gets the token. Called on the thread that made the change, one change of a client after another; must not call the
 * client.
 */
@FunctionalInterface
public interface ChangeListener {
    /**
     * Hears of a change.
     *
     * @param change what changed
     * @param token the new token; null where there is none, as with {@link Change#FORGOTTEN}
     */
    void changed(Change change, Token token);
}
