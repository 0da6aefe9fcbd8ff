package dev.countersign;

/**
 * Called for each change of a connection's token, after the change is stored and before any caller
 * gets the token. A client's changes are reported one after another. The listener must not call the
 * client.
 */
@FunctionalInterface
public interface TokenChangeListener {
    /**
     * Called for a change.
     *
     * @param change what changed
     * @param token the new token; null for {@link TokenChange#FORGOTTEN}
     */
    void changed(TokenChange change, Token token);
}
