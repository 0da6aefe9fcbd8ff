package dev.countersign;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * Returns a connection's access token and keeps it valid. Any number of threads may use one client.
 * At most one token request is in flight among them and among the processes that share the
 * connection's store.
 *
 * <pre>{@code
 * try (Client client = Client.load("docusign-jwt")) {
 *     request.setHeader("Authorization", client.token().authorization());
 * }
 * }</pre>
 *
 * <p>Calls block for at most five times the setting {@code timeout_ms} plus 60 s. A cached token is
 * returned at once. Interrupting the thread doesn't end a call: use {@link #tokenAsync()} if a
 * caller may cancel.
 *
 * <p>{@link #close()} may be called while other threads use the client. The garbage collector frees
 * an unreachable client.
 */
public final class Client implements TokenProvider, AutoCloseable {
    /**
     * How long closing and the exit of the JVM wait for requests in flight: a little more than the
     * default timeout.
     */
    static final Duration DRAIN = Duration.ofSeconds(35);

    private final Abi abi;
    private final Handle handle;
    private final LastToken last;
    private final LastText lastText = new LastText();
    private final Waiting waiting;
    /** Whether {@link #close} waits for requests in flight, so that the last call to leave need not. */
    private final AtomicBoolean drained = new AtomicBoolean();

    Client(Abi abi, long client, Waiting waiting) {
        LastToken last = new LastToken(abi);
        this.abi = abi;
        this.last = last;
        this.waiting = waiting;
        // The handle must not refer to this object.
        AtomicBoolean drained = this.drained;
        this.handle = new Handle("client", client, address -> {
            last.forget();
            // Wait for requests that have no caller any more, so that their results are stored.
            if (!drained.get()) {
                abi.csign_client_drain(address, DRAIN.toMillis(), 0);
            }
            abi.csign_client_free(address);
            Ending.freed(address);
        });
        handle.ownedBy(this);
        Ending.drains(client, handle);
    }

    /**
     * Builds a client from settings. {@link ClientBuilder} has more options.
     *
     * @param settings the settings, such as {@code provider} and {@code client_id}, named as in
     *     TOML
     * @return the client
     * @throws FixConfigurationException if a setting is wrong; names the setting and what to write
     */
    public static Client of(Map<String, String> settings) {
        return builder().settings(settings).build();
    }

    /**
     * Builds a client for a connection of the configuration file that the countersign command
     * reads: {@code $COUNTERSIGN_CONFIG}, {@code ./countersign.toml}, or the one in the user's
     * configuration folder.
     *
     * @param name the connection's name
     * @return the client
     * @throws FixConfigurationException if the file or a setting is wrong; names the file, the line
     *     or the setting
     */
    public static Client load(String name) {
        return builder().load(name).build();
    }

    /**
     * Like {@link #load(String)}, but reads this file.
     *
     * @param name the connection's name
     * @param file the configuration file; relative paths in it are relative to its folder
     * @return the client
     * @throws FixConfigurationException if the file or a setting is wrong; names the file, the line
     *     or the setting
     */
    public static Client load(String name, Path file) {
        return builder().load(name, file).build();
    }

    /**
     * Returns a builder, for callbacks, registries and settings that override a file's.
     *
     * @return a new builder
     */
    public static ClientBuilder builder() {
        return new ClientBuilder();
    }

    /**
     * Returns a token: the cached token, the stored one, or a new one from a request that
     * concurrent callers share.
     *
     * @return the token
     * @throws CountersignException if the call fails; its class says what to do
     */
    @Override
    public Token token() {
        return tokenFor(0);
    }

    /**
     * Like {@link #token()}, with a minimum validity or a timeout. With a timeout, interrupting
     * the thread ends the wait, too.
     *
     * @param request the minimum validity and the timeout
     * @return the token
     * @throws RetryException with {@link ErrorKind#TIMEOUT} if the timeout expires
     * @throws java.util.concurrent.CancellationException if there is a timeout and the thread is
     *     interrupted, which it then still is
     * @throws CountersignException if the call fails; its class says what to do
     */
    public Token token(TokenRequest request) {
        long minValidMs = Millis.of("minValid", request.minValid());
        return request.timeout()
                .map(timeout -> Waiting.result(tokenAsyncFor(minValidMs, timeout)))
                .orElseGet(() -> tokenFor(minValidMs));
    }

    /**
     * Returns a token without blocking this thread. If the future is cancelled, or completed by
     * {@link CompletableFuture#orTimeout}, the call ends. The request continues, and the next
     * caller gets its result. No thread waits for it.
     *
     * @return a future that fails with a {@link CountersignException}
     */
    @Override
    public CompletableFuture<Token> tokenAsync() {
        return tokenAsyncFor(0, null);
    }

    /**
     * Like {@link #token(TokenRequest)}, without blocking this thread: see {@link #tokenAsync()}.
     *
     * @param request the minimum validity and the timeout
     * @return a future that fails with a {@link CountersignException}
     */
    public CompletableFuture<Token> tokenAsync(TokenRequest request) {
        return tokenAsyncFor(
                Millis.of("minValid", request.minValid()), request.timeout().orElse(null));
    }

    /**
     * Returns the access token string, like {@link #token()}. It is a secret: don't log it.
     *
     * @return the access token
     * @throws CountersignException if the call fails; its class says what to do
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
     * Requests a new token now, even if the current one is still valid. If that fails and the
     * current token is still valid, returns the current one.
     *
     * @return the token
     * @throws CountersignException if the call fails; its class says what to do
     */
    public Token refresh() {
        return call((client, frame) -> {
            long out = frame.slot();
            frame.check(abi.csign_client_refresh(client, out, frame.error()));
            return last.take(frame.longAt(out));
        });
    }

    /**
     * Like {@link #refresh()}, without blocking this thread: see {@link #tokenAsync()}.
     *
     * @return the token
     */
    public CompletableFuture<Token> refreshAsync() {
        return start(abi::csign_client_refresh_start, this::readToken);
    }

    /**
     * Reports a token that an API rejected with 401. The client doesn't return it again. If the
     * token has been replaced in the meantime, the newer one stays valid.
     *
     * @param token the rejected token
     */
    @Override
    public void invalidate(Token token) {
        invalidate(token.accessToken());
    }

    /**
     * Like {@link #invalidate(Token)}, without blocking this thread: see {@link #tokenAsync()}.
     *
     * @param token the rejected token
     * @return a future that completes when the client no longer returns the token
     */
    @Override
    public CompletableFuture<Void> invalidateAsync(Token token) {
        return invalidateAsync(token.accessToken());
    }

    /**
     * Like {@link #invalidate(Token)}, for when you only have the access token string.
     *
     * @param accessToken the rejected access token
     */
    public void invalidate(String accessToken) {
        call((client, frame) -> {
            Frame.Text text = frame.put(accessToken);
            frame.check(abi.csign_client_invalidate(client, text.address(), text.length(), frame.error()));
            return null;
        });
    }

    /**
     * Like {@link #invalidate(String)}, without blocking this thread: see {@link #tokenAsync()}.
     *
     * @param accessToken the rejected access token
     * @return a future that completes when the client no longer returns the token
     */
    public CompletableFuture<Void> invalidateAsync(String accessToken) {
        return waiting.later(() -> invalidate(accessToken));
    }

    /**
     * Returns the URL at which a person consents to the app acting for the user. A
     * {@code jwt-bearer} grant needs this consent.
     *
     * @return the URL
     * @throws FixConfigurationException if the vendor has no such page, or {@code redirect_uri} is
     *     not set
     */
    public String consentUrl() {
        return text(abi::csign_client_consent_url);
    }

    /**
     * Returns the user that the token is for and the API's URL: the members of the token response,
     * and the vendor's userinfo, which is requested once and stored.
     *
     * @return the identity
     * @throws CountersignException if the call fails; its class says what to do
     */
    public Identity identity() {
        return identity(text(abi::csign_client_identity));
    }

    /**
     * Like {@link #identity()}, without blocking this thread: see {@link #tokenAsync()}.
     *
     * @return the identity
     */
    public CompletableFuture<Identity> identityAsync() {
        return start(
                abi::csign_client_identity_start,
                (frame, result) -> identity(frame.text(abi.csign_result_text(result))));
    }

    /**
     * Revokes the grant at the vendor and deletes its tokens from memory and the store.
     *
     * <p>If the vendor can't be reached or rejects the revocation
     * ({@link Revocation.Outcome#FAILED}), the tokens stay stored, because otherwise nobody could
     * revoke the grant any more. The client doesn't return them, and the next call retries the
     * revocation. A login replaces them.
     *
     * @return the result of the revocation
     * @throws CountersignException if the store fails
     */
    public Revocation forget() {
        return forget(abi::csign_client_forget);
    }

    /**
     * Like {@link #forget()}, but deletes the tokens even if the vendor did not revoke the grant.
     *
     * @return the result of the revocation
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
                    : Optional.of((CountersignException) Failure.take(abi, frame, abi.csign_error_status(why), why));
            frame.check(status);
            last.forget();
            return new Revocation(Revocation.Outcome.of(frame.intAt(outcome)), failure);
        });
    }

    /**
     * Like {@link #forget()}, without blocking this thread: see {@link #tokenAsync()}.
     *
     * @return the result of the revocation
     */
    public CompletableFuture<Revocation> forgetAsync() {
        return start(abi::csign_client_forget_start, this::readRevocation);
    }

    /**
     * Like {@link #forceForget()}, without blocking this thread: see {@link #tokenAsync()}.
     *
     * @return the result of the revocation
     */
    public CompletableFuture<Revocation> forceForgetAsync() {
        return start(abi::csign_client_force_forget_start, this::readRevocation);
    }

    /**
     * Returns the client's counters.
     *
     * @return the counters
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
     * Returns the recent history of the connection's grant, oldest first: who refreshed it, when,
     * and the result. It contains no tokens.
     *
     * @return an immutable list
     */
    public List<GrantEvent> events() {
        return events(text(abi::csign_client_events));
    }

    /**
     * Like {@link #events()}, without blocking this thread: see {@link #tokenAsync()}.
     *
     * @return the events, oldest first
     */
    public CompletableFuture<List<GrantEvent>> eventsAsync() {
        return start(
                abi::csign_client_events_start,
                (frame, result) -> events(frame.text(abi.csign_result_text(result))));
    }

    /**
     * Returns when the stored refresh token expires. A person must log in again before then, unless
     * a refresh returns a new one.
     *
     * @return empty if the vendor didn't say, or if no refresh token is stored
     * @throws CountersignException if the store cannot be read
     */
    public Optional<Instant> refreshTokenExpiresAt() {
        return call((client, frame) -> {
            long out = frame.slot();
            frame.check(abi.csign_client_refresh_token_expires_at(client, out, frame.error()));
            return instant(frame.longAt(out));
        });
    }

    /**
     * Like {@link #refreshTokenExpiresAt()}, without blocking this thread: see
     * {@link #tokenAsync()}.
     *
     * @return empty if the vendor didn't say, or if no refresh token is stored
     */
    public CompletableFuture<Optional<Instant>> refreshTokenExpiresAtAsync() {
        return start(
                abi::csign_client_refresh_token_expires_at_start,
                (frame, result) -> instant(abi.csign_result_refresh_token_expires_at(result)));
    }

    /**
     * Throws the store's error if the last token could not be stored and is only in memory. The
     * token isn't lost while the process runs, and each call for a token tries to store it again.
     *
     * @throws CountersignException if the last token is not stored
     */
    public void checkSaved() {
        call((client, frame) -> {
            frame.check(abi.csign_client_check_saved(client, frame.error()));
            return null;
        });
    }

    /**
     * Like {@link #checkSaved()}, without blocking this thread: see {@link #tokenAsync()}.
     *
     * @return a future that completes if the last token is stored
     */
    public CompletableFuture<Void> checkSavedAsync() {
        return waiting.later(() -> checkSaved());
    }

    /**
     * Waits for requests in flight, and starts no new ones. Call it before the program exits.
     * Afterwards, the client still returns a cached token; anything else throws a
     * {@link RetryException} of kind {@link ErrorKind#BUSY}.
     *
     * @param timeout how long to wait
     * @throws RetryException if a request is still in flight after the timeout, or a new token
     *     could not be stored
     */
    public void drain(Duration timeout) {
        long timeoutMs = Millis.of("timeout", timeout);
        call((client, frame) -> {
            frame.check(abi.csign_client_drain(client, timeoutMs, frame.error()));
            return null;
        });
    }

    /**
     * Like {@link #drain(Duration)}, without blocking this thread: see {@link #tokenAsync()}.
     *
     * @param timeout how long to wait
     * @return a future that completes when no request is in flight
     */
    public CompletableFuture<Void> drainAsync(Duration timeout) {
        return waiting.later(() -> drain(timeout));
    }

    /**
     * Starts a login with the setting {@code redirect_uri}, for programs with their own web server.
     * Redirect the browser to {@link Login#url()}, and pass the URL of its callback to
     * {@link #completeLogin}.
     *
     * @return the login
     * @throws CountersignException if the call fails; its class says what to do
     */
    public Login startLogin() {
        return startLogin(null);
    }

    /**
     * Like {@link #startLogin()}, with another redirect URI.
     *
     * @param redirectUri the redirect URI; null for the setting {@code redirect_uri}
     * @return the login
     * @throws CountersignException if the call fails; its class says what to do
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
     * Completes a login: validates the callback, exchanges the code once, and stores the tokens.
     *
     * @param login the login
     * @param callback the URL that the browser was redirected to, or just its query
     * @return the token
     * @throws ReauthorizeException if the callback does not belong to this login, or if the user
     *     denied access
     * @throws CountersignException if the call fails; its class says what to do
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
     * Like {@link #completeLogin(Login, String)}, without blocking this thread: see
     * {@link #tokenAsync()}.
     *
     * @param login the login
     * @param callback the URL that the browser was redirected to, or just its query
     * @return the token
     */
    public CompletableFuture<Token> completeLoginAsync(Login login, String callback) {
        long begun = login.handle().enter();
        try {
            return start(0, null, (client, frame) -> {
                Frame.Text text = frame.put(callback);
                return (options, done, userData, error) -> abi.csign_client_complete_login_start(
                        client, begun, text.address(), text.length(), options, done, userData, error);
            }, this::readToken);
        } finally {
            login.handle().leave();
        }
    }

    /**
     * Runs a complete login on this machine (RFC 8252): starts a loopback server for the setting
     * {@code redirect_uri}, calls {@code open} with the login's URL, and waits for the browser's
     * callback.
     *
     * @param timeout how long to wait for the callback
     * @param open opens or shows the URL; if it throws, the login fails; it must not call the
     *     client
     * @return the token
     * @throws ReauthorizeException if there was no callback until the timeout, or if the user
     *     denied access
     * @throws CountersignException if the call fails; its class says what to do
     */
    public Token login(Duration timeout, Consumer<String> open) {
        return login(timeout, 0, open);
    }

    /**
     * Like {@link #login(Duration, Consumer)}, on this port.
     *
     * @param timeout how long to wait for the callback
     * @param port the port of the loopback server; 0 for the port of {@code redirect_uri}, or any
     * @param open opens or shows the URL; if it throws, the login fails; it must not call the
     *     client
     * @return the token
     * @throws ReauthorizeException if there was no callback until the timeout, or if the user
     *     denied access
     * @throws CountersignException if the call fails; its class says what to do
     */
    public Token login(Duration timeout, int port, Consumer<String> open) {
        if (port < 0 || port > 0xffff) {
            throw new IllegalArgumentException("port is " + port + ", but must be from 0 to 65535");
        }
        long timeoutMs = Millis.of("timeout", timeout);
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
     * Like {@link #login(Duration, Consumer)}, on its own thread, because it may wait for minutes.
     *
     * @param timeout how long to wait for the callback
     * @param open opens or shows the URL; called on that thread
     * @return the token
     */
    public CompletableFuture<Token> loginAsync(Duration timeout, Consumer<String> open) {
        return loginAsync(timeout, 0, open);
    }

    /**
     * Like {@link #login(Duration, int, Consumer)}, on its own thread, because it may wait for
     * minutes.
     *
     * @param timeout how long to wait for the callback
     * @param port the port of the loopback server; 0 for the port of {@code redirect_uri}, or any
     * @param open opens or shows the URL; called on that thread
     * @return the token
     */
    public CompletableFuture<Token> loginAsync(Duration timeout, int port, Consumer<String> open) {
        return Waiting.apart(() -> login(timeout, port, open));
    }

    /**
     * Closes the client and wipes its secrets. Other threads may still be using it. Later calls
     * throw {@link ClosedException}, and so do calls that have not sent a request. Waits for a
     * request that was sent, for at most 35 s, so that its result is stored. Returned tokens stay
     * valid.
     *
     * @throws CountersignException the store's error, if a new token could not be stored and is
     *     lost; the client is closed nevertheless
     */
    @Override
    public void close() {
        close(DRAIN);
    }

    void close(Duration timeout) {
        long client;
        try {
            client = handle.enter();
        } catch (ClosedException closed) {
            return;
        }
        try (Frame frame = Frame.open(abi)) {
            drained.set(true);
            handle.close();
            int status = abi.csign_client_drain(client, timeout.toMillis(), frame.error());
            switch (Status.of(status)) {
                // A request that is still in flight, or a close in one of the client's own callbacks.
                case BUSY, REENTERED, FORKED -> frame.forgetError();
                default -> frame.check(status);
            }
        } finally {
            handle.leave();
        }
    }

    /**
     * Like {@link #close()}, without blocking this thread.
     *
     * @return a future that completes when the client is closed
     */
    public CompletableFuture<Void> closeAsync() {
        return waiting.later(() -> close());
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

    private CompletableFuture<Token> tokenAsyncFor(long minValidMs, Duration timeout) {
        try {
            Token fresh = peek(minValidMs);
            if (fresh != null) {
                return CompletableFuture.completedFuture(fresh);
            }
        } catch (CountersignException | IllegalStateException failure) {
            return CompletableFuture.failedFuture(failure);
        }
        return start(
                minValidMs,
                timeout,
                (client, frame) -> (options, done, userData, error) ->
                        abi.csign_client_token_start(client, options, done, userData, error),
                this::readToken);
    }

    /** Starts a call without inputs. */
    private <T> CompletableFuture<T> start(Starter starter, Started.Read<T> read) {
        return start(
                0,
                null,
                (client, frame) -> (options, done, userData, error) ->
                        starter.start(client, options, done, userData, error),
                read);
    }

    private <T> CompletableFuture<T> start(
            long minValidMs, Duration timeout, Call<Started.Start> start, Started.Read<T> read) {
        try {
            return call((client, frame) -> new Started<>(abi, frame, waiting.executor(), read, this::ending)
                    .start(frame, minValidMs, timeout, start.on(client, frame)));
        } catch (CountersignException | IllegalStateException | IllegalArgumentException failure) {
            return CompletableFuture.failedFuture(failure);
        }
    }

    private Token readToken(Frame frame, long result) {
        return last.take(abi.csign_token_share(abi.csign_result_token(result)));
    }

    private Revocation readRevocation(Frame frame, long result) {
        long why = abi.csign_result_error(result);
        Optional<CountersignException> failure = why == 0
                ? Optional.empty()
                : Optional.of((CountersignException) Failure.read(abi, frame, abi.csign_error_status(why), why));
        last.forget();
        return new Revocation(Revocation.Outcome.of(abi.csign_result_revocation(result)), failure);
    }

    private static Identity identity(String json) {
        return new Identity(Json.texts(json));
    }

    private static List<GrantEvent> events(String json) {
        return Json.objects(json).stream().map(GrantEvent::of).toList();
    }

    private static Optional<Instant> instant(long seconds) {
        return seconds < 0 ? Optional.empty() : Optional.of(Instant.ofEpochSecond(seconds));
    }

    /** Returns the cached token if it is valid for long enough, or null. Never waits. */
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

    /**
     * Turns the exception of a call that {@link #close} interrupted into that of a call on a closed
     * client.
     */
    private RuntimeException closing(RetryException failure) {
        return failure.kind() == ErrorKind.BUSY && handle.isClosed() ? Failure.closed("client") : failure;
    }

    private RuntimeException ending(RuntimeException failure) {
        return failure instanceof RetryException retry ? closing(retry) : failure;
    }

    /** A function that starts a call without inputs. */
    private interface Starter {
        int start(long client, long options, long done, long userData, long error);
    }

    /** The body of a call. */
    private interface Call<T> {
        T on(long client, Frame frame);
    }

    /** {@code csign_client_forget} or {@code csign_client_force_forget}. */
    private interface Forget {
        int call(long client, long outRevocation, long outReason, long error);
    }

    /** A function that returns a {@code csign_text}. */
    private interface Giver {
        int give(long client, long out, long error);
    }
}
