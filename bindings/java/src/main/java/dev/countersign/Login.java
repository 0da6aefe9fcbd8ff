package dev.countersign;

import java.util.function.LongBinaryOperator;

/**
 * A started login (RFC 6749 section 4.1, with PKCE). It is immutable, and any number of threads may
 * use it.
 *
 * <pre>{@code
 * Login login = client.startLogin();
 * session.put("login", login.save());          // in the server-side session
 * redirectTo(login.url());
 * // In the callback:
 * Token token = client.completeLogin(Login.restore(session.get("login")), request.getRequestURL() + "?" + request.getQueryString());
 * }</pre>
 */
public final class Login implements AutoCloseable {
    private final Abi abi;
    private final Handle handle;

    Login(Abi abi, long login) {
        this.abi = abi;
        this.handle = new Handle("login", login, abi::csign_login_free);
        handle.ownedBy(this);
    }

    /**
     * Restores a login that {@link #save()} saved, in this process or another one.
     *
     * @param saved the saved login
     * @return the login
     * @throws ReauthorizeException if the string is not a saved login
     */
    public static Login restore(String saved) {
        Abi abi = Library.abi();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            Frame.Text text = frame.put(saved);
            frame.check(abi.csign_login_restore(text.address(), text.length(), out, frame.error()));
            return new Login(abi, frame.longAt(out));
        }
    }

    /**
     * Returns the URL to redirect the browser to.
     *
     * @return the URL
     */
    public String url() {
        return text(abi::csign_login_url);
    }

    /**
     * Returns the {@code state} parameter of the URL, which identifies the login that a callback
     * belongs to.
     *
     * @return the state
     */
    public String state() {
        return text(abi::csign_login_state);
    }

    /**
     * Returns the login as a string, for a web server whose callback may reach another process.
     * Keep it in the server-side session: it contains the PKCE verifier.
     *
     * @return a string for {@link #restore}
     */
    public String save() {
        long login = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            frame.check(abi.csign_login_save(login, out, frame.error()));
            return frame.takeText(frame.longAt(out));
        } finally {
            handle.leave();
        }
    }

    /** Wipes the login. So does the garbage collector. */
    @Override
    public void close() {
        handle.close();
    }

    /** Returns a string without any part of the login. */
    @Override
    public String toString() {
        return "Login[]";
    }

    private String text(LongBinaryOperator field) {
        long login = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            long length = frame.slot();
            return frame.borrowed(field.applyAsLong(login, length), length);
        } finally {
            handle.leave();
        }
    }

    Handle handle() {
        return handle;
    }
}
