package dev.countersign;

import java.util.function.LongBinaryOperator;

/**
 * A login that has begun (RFC 6749 section 4.1, with PKCE of RFC 7636). Immutable; may be shared by threads.
 *
 * <pre>{@code
 * Login login = client.startLogin();
 * session.put("login", login.save());          // on the server's side
 * redirectTo(login.url());
 * // the browser comes back:
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
     * A login that {@link #save()} turned into text, here or in another process.
     *
     * @param saved the text
     * @return the login
     * @throws ReauthorizeException where the text is not a saved login
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
     * Where to send the browser.
     *
     * @return the URL
     */
    public String url() {
        return text(abi::csign_login_url);
    }

    /**
     * The {@code state} parameter of the URL: tells which of several logins a callback belongs to.
     *
     * @return the state
     */
    public String state() {
        return text(abi::csign_login_state);
    }

    /**
     * The login as text, for a web server whose next request may reach another process: keep it in the session, on
     * the server's side, for it holds a secret.
     *
     * @return the text, for {@link #restore}
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

    /** Wipes the login. A login that is dropped without this is wiped by the garbage collector. */
    @Override
    public void close() {
        handle.close();
    }

    /** No part of the login. */
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
