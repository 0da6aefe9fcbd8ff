package dev.countersign;

import java.util.concurrent.atomic.AtomicReference;

/**
 * The token that a client handed out last from memory. The library gives the same handle as long as it is the same
 * token: then it need not be copied again.
 */
final class LastToken {
    private final Abi abi;
    private final AtomicReference<Seen> seen = new AtomicReference<>();

    LastToken(Abi abi) {
        this.abi = abi;
    }

    /** The token of a handle that a call gave out; the handle is freed, or kept here. */
    Token take(long token) {
        // The caller holds this handle and what is seen here holds its own: the same address is the same token.
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
