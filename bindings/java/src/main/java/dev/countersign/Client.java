package dev.countersign;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A connection's client: hands out its token and keeps it valid. Any number of threads may use it at once; at most
 * one request per connection is under way, whoever asks.
 *
 * <pre>{@code
 * try (Client client = Client.load("docusign-jwt")) {
 *     request.setHeader("Authorization", client.token().authorization());
 * }
 * }</pre>
 *
 * <p>Calls block until there is a token or an error, at most for five times the setting {@code timeout_ms} plus 60 s. A
 * cached token takes no wait. Interrupting the thread does not end them: use {@link #tokenAsync()} if a caller may give
 * up.
 *
 * <p>{@link #close()} may come while others use the client. A client that is dropped without it is freed by the
 * garbage collector.
 */
public final class Client implements AutoCloseable {
    /** How long closing, and the end of the JVM, wait for requests under way: the default of timeout_ms and a bit. */
    static final Duration DRAIN = Duration.ofSeconds(35);

    private final Abi abi;
    private final Handle handle;
    private final LastToken last;
    private final LastText lastText = new LastText();
    private final Executor executor;
    /** The signer callback, where there is one, else null. */

    Client(Abi abi, long client, Executor executor) {
        LastToken last = new LastToken(abi);
        this.abi = abi;
        this.last = last;
        this.executor = executor;
        this.handle = new Handle("client", client, address -> {
            last.forget();
            // What nobody waits for any more is stored before it goes.
            abi.csign_client_drain(address, DRAIN.toMillis(), 0);
            abi.csign_client_free(address);
        });
        handle.ownedBy(this);
        Ending.drains(abi, handle);
    }

    /**
     * A client with these settings; {@link ClientBuilder} can do more.
     *
     * @param settings values by name, such as {@code provider} and {@code client_id}: the same as in TOML
     * @return the client
     * @throws FixConfigurationException naming the setting and what to write
     */
    public static Client of(Map<String, String> settings) {
        return builder().settings(settings).build();
    }

    /**
     * A client with the settings of a connection in a configuration file: the one that {@code COUNTERSIGN_CONFIG}
     * names, {@code ./countersign.toml}, or the one in the user's configuration folder.
     *
     * @param name the connection's name
     * @return the client
     * @throws FixConfigurationException naming the file, the line or the setting
     */
    public static Client load(String name) {
        return builder().load(name).build();
    }

    /**
     * As {@link #load(String)}, from this file.
     *
     * @param name the connection's name
     * @param file the configuration file; relative paths in it start from its folder
     * @return the client
     * @throws FixConfigurationException naming the file, the line or the setting
     */
    public static Client load(String name, Path file) {
        return builder().load(name, file).build();
    }

    /**
     * For callbacks, profiles and single settings over those of a file.
     *
     * @return a builder
     */
    public static ClientBuilder builder() {
        return new ClientBuilder();
    }

    /**
     * A token: from memory, from the store, or by one request that all callers share.
     *
     * @return the token
     * @throws CountersignException whose class says what to do
     */
    public Token token() {
        return tokenFor(0);
    }

    /**
     * A token that is valid for at least this long, where the vendor gives such tokens.
     *
     * @param minValid how long it must still be valid
     * @return the token
     * @throws CountersignException whose class says what to do
     */
    public Token token(Duration minValid) {
        return tokenFor(millis("minValid", minValid));
    }

    /**
     * A token, without blocking this thread. Cancelling the future returns at once; a request that is under way goes
     * on, and the next caller gets what it brings.
     *
     * @return a future that fails with a {@link CountersignException}
     */
    public CompletableFuture<Token> tokenAsync() {
        return tokenAsyncFor(0);
    }

    /**
     * As {@link #token(Duration)}, without blocking this thread; see {@link #tokenAsync()}.
     *
     * @param minValid how long it must still be valid
     * @return a future that fails with a {@link CountersignException}
     */
    public CompletableFuture<Token> tokenAsync(Duration minValid) {
        return tokenAsyncFor(millis("minValid", minValid));
    }

    /**
     * The bare access token: as {@link #token()}, and the shortest way to one. A secret: do not log it.
     *
     * @return the access token
     * @throws CountersignException whose class says what to do
     */
    public String accessToken() {
        long client = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            long length = frame.slot();
            Frame.Text room = frame.rest();
            int status = abi.csign_client_copy_token(
                    client, 0, room.address(), room.length(), length, frame.error());
            while (status == Status.BUFFER_TOO_SMALL.number()) {
                frame.forgetError();
                room = frame.room(Math.toIntExact(frame.longAt(length)) + 1);
                status = abi.csign_client_copy_token(
                        client, 0, room.address(), room.length(), length, frame.error());
            }
            frame.check(status);
            return lastText.take(frame, room, (int) frame.longAt(length));
        } catch (RetryException failure) {
            throw closing(failure);
        } finally {
            handle.leave();
        }
    }

    /**
     * A token asked for now, even though there may be a valid one. Where that fails and the old token is still valid,
     * that one is given.
     *
     * @return the token
     * @throws CountersignException whose class says what to do
     */
    public Token refresh() {
        return call((client, frame) -> {
            long out = frame.slot();
            frame.check(abi.csign_client_refresh(client, out, frame.error()));
            return last.take(frame.longAt(out));
        });
    }

    /**
     * As {@link #refresh()}, without holding a thread of the caller's; see {@link #tokenAsync()}.
     *
     * @return the token
     */
    public CompletableFuture<Token> refreshAsync() {
        return later(() -> refresh());
    }

    /**
     * Tells the client that an API refused this access token (401): it is not handed out again. A token that has been
     * replaced meanwhile does not take the newer one along.
     *
     * @param accessToken the bare token that was refused
     */
    public void invalidate(String accessToken) {
        call((client, frame) -> {
            Frame.Text text = frame.put(accessToken);
            frame.check(abi.csign_client_invalidate(client, text.address(), text.length(), frame.error()));
            return null;
        });
    }

    /**
     * As {@link #invalidate(String)}, without holding a thread of the caller's; see {@link #tokenAsync()}.
     *
     * @param accessToken the bare token that was refused
     * @return completes when the token is not handed out any more
     */
    public CompletableFuture<Void> invalidateAsync(String accessToken) {
        return later(() -> {
            invalidate(accessToken);
            return null;
        });
    }

    /**
     * Where a person consents to the app acting for its user, ahead of a {@code jwt-bearer} grant.
     *
     * @return the URL
     * @throws FixConfigurationException where the vendor has no such page or {@code redirect_uri} is not set
     */
    public String consentUrl() {
        return text(abi::csign_client_consent_url);
    }

    /**
     * Whom the token stands for and where its API is: what came with the token and, asked for once and kept, the
     * vendor's userinfo.
     *
     * @return an immutable map
     * @throws CountersignException whose class says what to do
     */
    public Map<String, String> identity() {
        return Json.texts(text(abi::csign_client_identity));
    }

    /**
     * As {@link #identity()}, without holding a thread of the caller's; see {@link #tokenAsync()}.
     *
     * @return whom the token stands for
     */
    public CompletableFuture<Map<String, String>> identityAsync() {
        return later(() -> identity());
    }

    /**
     * Revokes the token at the vendor and forgets it here, in memory and in the store.
     *
     * <p>If the vendor cannot be reached or refuses ({@link Revocation.Outcome#FAILED}), the token is kept, because a
     * grant that nobody can revoke any more would live on. It is not handed out, and the next call tries the revocation
     * again. A login replaces it.
     *
     * @return what became of the token at the vendor
     * @throws CountersignException if the store fails
     */
    public Revocation forget() {
        return forget(abi::csign_client_forget);
    }

    /**
     * Like {@link #forget()}, but forgets the token here even if the vendor did not revoke it.
     *
     * @return what became of the token at the vendor
     * @throws CountersignException if the store fails
     */
    public Revocation forceForget() {
        return forget(abi::csign_client_force_forget);
    }

    private Revocation forget(Forget forget) {
        return call((client, frame) -> {
            long outcome = frame.slot();
            long reason = frame.slot();
            int status = forget.call(client, outcome, reason, frame.error());
            long why = frame.longAt(reason);
            Optional<CountersignException> failure = why == 0
                    ? Optional.empty()
                    : Optional.of(Failure.take(abi, frame, abi.csign_error_status(why), why));
            frame.check(status);
            last.forget();
            return new Revocation(Revocation.Outcome.of(frame.intAt(outcome)), failure);
        });
    }

    /**
     * As {@link #forget()}, without holding a thread of the caller's; see {@link #tokenAsync()}.
     *
     * @return what became of the token at the vendor
     */
    public CompletableFuture<Revocation> forgetAsync() {
        return later(() -> forget());
    }

    /**
     * As {@link #forceForget()}, without holding a thread of the caller's; see {@link #tokenAsync()}.
     *
     * @return what became of the token at the vendor
     */
    public CompletableFuture<Revocation> forceForgetAsync() {
        return later(() -> forceForget());
    }

    /**
     * How often something happened since the client was made.
     *
     * @return the counts
     */
    public Counts counts() {
        return call((client, frame) -> {
            long out = frame.slot();
            return Counts.of(counter -> {
                frame.check(abi.csign_client_count(client, counter, out, frame.error()));
                return frame.longAt(out);
            });
        });
    }

    /**
     * The last events in the life of the connection's grant, oldest first and without a token in them: who refreshed
     * when, and how it ended.
     *
     * @return an immutable list
     */
    public List<Map<String, Object>> events() {
        return Json.objects(text(abi::csign_client_events));
    }

    /**
     * As {@link #events()}, without holding a thread of the caller's; see {@link #tokenAsync()}.
     *
     * @return the events, oldest first
     */
    public CompletableFuture<List<Map<String, Object>>> eventsAsync() {
        return later(() -> events());
    }

    /**
     * When the stored refresh token expires: a person must log in again before then, unless a refresh brings another
     * one.
     *
     * @return empty if the vendor did not say, or if no refresh token is stored
     * @throws CountersignException if the store cannot be read
     */
    public Optional<Instant> refreshTokenExpiresAt() {
        return call((client, frame) -> {
            long out = frame.slot();
            frame.check(abi.csign_client_refresh_token_expires_at(client, out, frame.error()));
            long seconds = frame.longAt(out);
            return seconds < 0 ? Optional.empty() : Optional.of(Instant.ofEpochSecond(seconds));
        });
    }

    /**
     * As {@link #refreshTokenExpiresAt()}, without holding a thread of the caller's; see {@link #tokenAsync()}.
     *
     * @return empty if the vendor did not say, or if no refresh token is stored
     */
    public CompletableFuture<Optional<Instant>> refreshTokenExpiresAtAsync() {
        return later(() -> refreshTokenExpiresAt());
    }

    /**
     * Makes sure that all that was got is stored. Nothing is lost while the process runs, and each call for a token
     * tries to store it again.
     *
     * @throws CountersignException why the last token is in memory only
     */
    public void checkSaved() {
        call((client, frame) -> {
            frame.check(abi.csign_client_check_saved(client, frame.error()));
            return null;
        });
    }

    /**
     * As {@link #checkSaved()}, without holding a thread of the caller's; see {@link #tokenAsync()}.
     *
     * @return completes where all is stored
     */
    public CompletableFuture<Void> checkSavedAsync() {
        return later(() -> {
            checkSaved();
            return null;
        });
    }

    /**
     * Waits for the requests that are under way, and starts no new one from now on: for a program that is about to end.
     * Tokens in memory are handed out as before; anything else is a {@link RetryException} of the status {@link
     * Status#BUSY}.
     *
     * @param timeout how long to wait
     * @throws RetryException where a request is still under way, or a new token is in memory only
     */
    public void drain(Duration timeout) {
        long timeoutMs = millis("timeout", timeout);
        call((client, frame) -> {
            frame.check(abi.csign_client_drain(client, timeoutMs, frame.error()));
            return null;
        });
    }

    /**
     * As {@link #drain(Duration)}, without holding a thread of the caller's; see {@link #tokenAsync()}.
     *
     * @param timeout how long to wait
     * @return completes when nothing is under way any more
     */
    public CompletableFuture<Void> drainAsync(Duration timeout) {
        return later(() -> {
            drain(timeout);
            return null;
        });
    }

    /**
     * Begins a login with the setting {@code redirect_uri}, for a host with a web server of its own: send the browser
     * to {@link Login#url()}, and hand the query that it comes back with to {@link #completeLogin}.
     *
     * @return the login
     * @throws CountersignException whose class says what to do
     */
    public Login startLogin() {
        return startLogin(null);
    }

    /**
     * As {@link #startLogin()}, with another address to come back to.
     *
     * @param redirectUri where the browser comes back to; null for the setting {@code redirect_uri}
     * @return the login
     * @throws CountersignException whose class says what to do
     */
    public Login startLogin(String redirectUri) {
        return call((client, frame) -> {
            long out = frame.slot();
            Frame.Text uri = frame.put(redirectUri);
            frame.check(abi.csign_client_start_login(client, uri.address(), uri.length(), out, frame.error()));
            return new Login(abi, frame.longAt(out));
        });
    }

    /**
     * Ends a login: checks the query that the browser came back with, exchanges the code once, and keeps what that
     * brings.
     *
     * @param login the login that began it
     * @param callback the URL that the browser came back to, or what follows its {@code ?}
     * @return the token
     * @throws ReauthorizeException where the answer is not this login's, or the person said no
     * @throws CountersignException whose class says what to do
     */
    public Token completeLogin(Login login, String callback) {
        long begun = login.handle().enter();
        try {
            return call((client, frame) -> {
                long out = frame.slot();
                Frame.Text text = frame.put(callback);
                frame.check(abi.csign_client_complete_login(
                        client, begun, text.address(), text.length(), out, frame.error()));
                return last.take(frame.longAt(out));
            });
        } finally {
            login.handle().leave();
        }
    }

    /**
     * As {@link #completeLogin(Login, String)}, without holding a thread of the caller's; see {@link #tokenAsync()}.
     *
     * @param login the login that was begun
     * @param callback the URL that the browser came back to, or its query alone
     * @return the token
     */
    public CompletableFuture<Token> completeLoginAsync(Login login, String callback) {
        return later(() -> completeLogin(login, callback));
    }

    /**
     * A whole login on this machine (RFC 8252): listens on the loopback address of the setting {@code redirect_uri},
     * has the browser opened, and waits for it to come back.
     *
     * @param timeout how long to wait for the person
     * @param open opens or shows the URL; where it throws, the login ends
     * @return the token
     * @throws ReauthorizeException where nobody came back, or the person said no
     * @throws CountersignException whose class says what to do
     */
    public Token login(Duration timeout, Consumer<String> open) {
        return login(timeout, 0, open);
    }

    /**
     * As {@link #login(Duration, Consumer)}, on this port.
     *
     * @param timeout how long to wait for the person
     * @param port the port to listen on; 0 for the one in {@code redirect_uri}, or any
     * @param open opens or shows the URL; where it throws, the login ends
     * @return the token
     * @throws ReauthorizeException where nobody came back, or the person said no
     * @throws CountersignException whose class says what to do
     */
    public Token login(Duration timeout, int port, Consumer<String> open) {
        if (port < 0 || port > 0xffff) {
            throw Failure.argument("port is " + port + "; it must be from 0 to 65535");
        }
        long timeoutMs = millis("timeout", timeout);
        long userData = Callbacks.keep(open);
        try {
            return call((client, frame) -> {
                long out = frame.slot();
                frame.check(abi.csign_client_login(
                        client, port, timeoutMs, abi.openFunction(), userData, out, frame.error()));
                return last.take(frame.longAt(out));
            });
        } finally {
            Callbacks.destroy(userData);
        }
    }

    /**
     * As {@link #login(Duration, Consumer)}, on a thread of its own, since it may wait for minutes.
     *
     * @param timeout how long to wait for the person
     * @param open opens the URL for the person, or shows it; called on that thread
     * @return the token
     */
    public CompletableFuture<Token> loginAsync(Duration timeout, Consumer<String> open) {
        return loginAsync(timeout, 0, open);
    }

    /**
     * As {@link #login(Duration, int, Consumer)}, on a thread of its own, since it may wait for minutes.
     *
     * @param timeout how long to wait for the person
     * @param port the port to listen on; 0 for the one in {@code redirect_uri}, or any
     * @param open opens the URL for the person, or shows it; called on that thread
     * @return the token
     */
    public CompletableFuture<Token> loginAsync(Duration timeout, int port, Consumer<String> open) {
        return CompletableFuture.supplyAsync(() -> login(timeout, port, open), Workers::apart);
    }

    /**
     * Closes the client, also while other threads use it: later calls throw {@link UnexpectedException} with {@link
     * Status#CLOSED}. Waits for a request that was sent, for at most 35 s, so that its result is stored. A call that has
     * not sent its request fails as a later one does. Tokens that the client returned stay valid.
     */
    @Override
    public void close() {
        long client;
        try {
            client = handle.enter();
        } catch (CountersignException closed) {
            return;
        }
        try {
            handle.close();
            abi.csign_client_drain(client, DRAIN.toMillis(), 0);
        } finally {
            handle.leave();
        }
    }

    private Token tokenFor(long minValidMs) {
        long client = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            frame.check(abi.csign_client_token(client, minValidMs, out, frame.error()));
            return last.take(frame.longAt(out));
        } catch (RetryException failure) {
            throw closing(failure);
        } finally {
            handle.leave();
        }
    }

    /** The token in memory, where it is fresh and was handed out before; else null. Never waits. */
    private CompletableFuture<Token> tokenAsyncFor(long minValidMs) {
        try {
            Token fresh = peek(minValidMs);
            if (fresh != null) {
                return CompletableFuture.completedFuture(fresh);
            }
        } catch (CountersignException failure) {
            return CompletableFuture.failedFuture(failure);
        }
        return CompletableFuture.supplyAsync(() -> tokenFor(minValidMs), executor);
    }

    /** The token in memory, where it is valid for so long; else null. Never waits. */
    private <T> CompletableFuture<T> later(Supplier<T> call) {
        return CompletableFuture.supplyAsync(call, executor);
    }

    private Token peek(long minValidMs) {
        return call((client, frame) -> {
            long out = frame.slot();
            frame.check(abi.csign_client_peek(client, minValidMs, out, frame.error()));
            long token = frame.longAt(out);
            return token == 0 ? null : last.take(token);
        });
    }

    private String text(Giver giver) {
        return call((client, frame) -> {
            long out = frame.slot();
            frame.check(giver.give(client, out, frame.error()));
            return frame.takeText(frame.longAt(out));
        });
    }

    private <T> T call(Call<T> call) {
        long client = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            return call.on(client, frame);
        } catch (RetryException failure) {
            throw closing(failure);
        } finally {
            handle.leave();
        }
    }

    /** The exception of a call that {@link #close} kept from sending its request: the same as a later call's. */
    private CountersignException closing(RetryException failure) {
        return failure.status() == Status.BUSY && handle.isClosed() ? Failure.closed("client") : failure;
    }

    private static long millis(String name, Duration duration) {
        if (duration.isNegative()) {
            throw Failure.argument(name + " is " + duration + "; it must not be negative");
        }
        try {
            // Less than a millisecond is one: 0 would mean the setting.
            return duration.plusNanos(999_999).toMillis();
        } catch (ArithmeticException tooLong) {
            return Long.MAX_VALUE;
        }
    }

    /** What is done inside a call. */
    private interface Call<T> {
        T on(long client, Frame frame);
    }

    /** One of the two functions that forget. */
    private interface Forget {
        int call(long client, long outRevocation, long outReason, long error);
    }

    /** A function that gives out a {@code csign_text}. */
    private interface Giver {
        int give(long client, long out, long error);
    }
}
