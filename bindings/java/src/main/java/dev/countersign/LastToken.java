package dev.countersign;

import java.util.concurrent.atomic.AtomicReference;

/**
 * The last cached token that a client returned. While the cached token is unchanged, the library
 * returns the same handle, so the token need not be copied again.
 */
final class LastToken {
    private final Abi abi;
    private final AtomicReference<Seen> seen = new AtomicReference<>();

    LastToken(Abi abi) {
        this.abi = abi;
    }

    /**
     * Returns the token of a handle that a call returned, and frees the handle or keeps it here.
     */
    Token take(long token) {
        // The caller and this object both hold a handle, so the same address means the same token.
        Seen now = seen.get();
        if (now != null && now.address == token) {
            abi.csign_token_free(token);
            return now.token;
        }
        Token made;
        try {
            made = Token.read(abi, token);
        } catch (RuntimeException | Error failure) {
            abi.csign_token_free(token);
            throw failure;
        }
        if (made.source() == Source.CACHE) {
            free(seen.getAndSet(new Seen(token, made)));
        } else {
            abi.csign_token_free(token);
        }
        return made;
    }

    void forget() {
        free(seen.getAndSet(null));
    }

    private void free(Seen old) {
        if (old != null) {
            abi.csign_token_free(old.address);
        }
    }

    private record Seen(long address, Token token) {}
}
