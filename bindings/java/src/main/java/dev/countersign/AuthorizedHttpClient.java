package dev.countersign;

import java.io.IOException;
import java.net.Authenticator;
import java.net.CookieHandler;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.PushPromiseHandler;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;

import dev.countersign.internal.Targets;

/**
 * An {@link HttpClient} that adds a token to requests. If the API responds with 401, it
 * invalidates that token, gets another one and repeats the request once. The second response goes
 * to the caller, whatever it is.
 *
 * <pre>{@code
 * HttpClient http = new AuthorizedHttpClient(client, HttpClient.newHttpClient());
 * HttpResponse<String> response = http.send(
 *         HttpRequest.newBuilder(URI.create("https://demo.docusign.net/restapi/v2.1/accounts")).build(),
 *         BodyHandlers.ofString());
 * }</pre>
 *
 * <p>A request is repeated only if it has no body, or one whose length is known, such as a string,
 * bytes or a file. A 401 for a streamed body goes to the caller, and the next request has another
 * token.
 *
 * <p>Every request gets the token, so use this client only for the API that the token is for. The
 * token is not sent in clear text to another machine, nor with a redirect, because redirects are
 * not followed.
 *
 * <p>If there is no token, {@code send} throws a {@link CountersignException}, which is the cause
 * in the future of {@code sendAsync}. From JDK 21 on, close the underlying client, not this one.
 */
public final class AuthorizedHttpClient extends HttpClient {
    private static final int UNAUTHORIZED = 401;

    private final TokenProvider tokens;
    private final HttpClient http;

    /**
     * Creates an {@code HttpClient} that adds tokens to the requests of {@code http}.
     *
     * @param tokens provides the tokens, such as a {@link Client}, which the caller closes
     * @param http sends the requests, with its own settings
     * @throws IllegalArgumentException if {@code http} follows redirects, because it would send the
     *     token to other hosts
     */
    public AuthorizedHttpClient(TokenProvider tokens, HttpClient http) {
        this.tokens = Objects.requireNonNull(tokens, "tokens");
        this.http = Objects.requireNonNull(http, "http");
        if (http.followRedirects() != Redirect.NEVER) {
            throw new IllegalArgumentException("the HttpClient follows redirects and would send the token to other "
                    + "hosts: build it with followRedirects(Redirect.NEVER), which is the default");
        }
    }

    @Override
    public <T> HttpResponse<T> send(HttpRequest request, BodyHandler<T> handler)
            throws IOException, InterruptedException {
        Targets.check(request.uri());
        Token token = tokens.token();
        HttpRequest authorized = authorized(request, token);
        if (!canBeSentAgain(request)) {
            HttpResponse<T> response = http.send(authorized, handler);
            if (response.statusCode() == UNAUTHORIZED) {
                tokens.invalidate(token);
            }
            return response;
        }
        HttpResponse<FirstResponse<T>> first = http.send(authorized, FirstResponse.to(handler));
        if (first.statusCode() != UNAUTHORIZED) {
            return FirstResponse.of(first);
        }
        tokens.invalidate(token);
        Token other = tokens.token();
        return isSame(token, other) ? FirstResponse.of(first) : http.send(authorized(request, other), handler);
    }

    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(HttpRequest request, BodyHandler<T> handler) {
        return sendAsync(request, handler, null);
    }

    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(
            HttpRequest request, BodyHandler<T> handler, PushPromiseHandler<T> pushes) {
        try {
            Targets.check(request.uri());
        } catch (IllegalArgumentException failure) {
            return CompletableFuture.failedFuture(failure);
        }
        Chain chain = new Chain();
        return chain.cancelling(chain.step(tokens.tokenAsync()).thenCompose(token -> {
            HttpRequest authorized = authorized(request, token);
            if (!canBeSentAgain(request)) {
                return chain.step(http.sendAsync(authorized, handler, pushes)).thenCompose(response -> {
                    if (response.statusCode() != UNAUTHORIZED) {
                        return CompletableFuture.completedFuture(response);
                    }
                    return chain.step(tokens.invalidateAsync(token)).thenApply(done -> response);
                });
            }
            return chain.step(http.sendAsync(authorized, FirstResponse.to(handler), FirstResponse.to(pushes)))
                    .thenCompose(first -> {
                        if (first.statusCode() != UNAUTHORIZED) {
                            return CompletableFuture.completedFuture(FirstResponse.of(first));
                        }
                        return chain.step(tokens.invalidateAsync(token))
                                .thenCompose(done -> chain.step(tokens.tokenAsync()))
                                .thenCompose(other -> isSame(token, other)
                                        ? CompletableFuture.completedFuture(FirstResponse.of(first))
                                        : chain.step(http.sendAsync(authorized(request, other), handler, pushes)));
                    });
        }));
    }

    @Override
    public Optional<CookieHandler> cookieHandler() {
        return http.cookieHandler();
    }

    @Override
    public Optional<Duration> connectTimeout() {
        return http.connectTimeout();
    }

    @Override
    public Redirect followRedirects() {
        return http.followRedirects();
    }

    @Override
    public Optional<ProxySelector> proxy() {
        return http.proxy();
    }

    @Override
    public SSLContext sslContext() {
        return http.sslContext();
    }

    @Override
    public SSLParameters sslParameters() {
        return http.sslParameters();
    }

    @Override
    public Optional<Authenticator> authenticator() {
        return http.authenticator();
    }

    @Override
    public Version version() {
        return http.version();
    }

    @Override
    public Optional<Executor> executor() {
        return http.executor();
    }

    private static HttpRequest authorized(HttpRequest request, Token token) {
        HttpRequest.Builder authorized = HttpRequest.newBuilder(request, (name, value) -> true);
        token.headers().forEach(authorized::setHeader);
        return authorized
                .build();
    }

    /** The JDK itself also repeats such bodies. A stream has no known length. */
    private static boolean canBeSentAgain(HttpRequest request) {
        return request.bodyPublisher().map(BodyPublisher::contentLength).orElse(0L) >= 0;
    }

    /**
     * Returns whether there is no other token, so that a retry would fail in the same way.
     */
    private static boolean isSame(Token token, Token other) {
        return token.accessToken().equals(other.accessToken());
    }

    /** Tracks the current step of a call, so that cancelling the call cancels the step. */
    private static final class Chain {
        private final AtomicReference<CompletableFuture<?>> current = new AtomicReference<>();
        private volatile boolean cancelled;

        <T> CompletableFuture<T> step(CompletableFuture<T> step) {
            current.set(step);
            if (cancelled) {
                step.cancel(true);
            }
            return step;
        }

        <T> CompletableFuture<T> cancelling(CompletableFuture<T> whole) {
            whole.whenComplete((response, failure) -> {
                if (whole.isCancelled()) {
                    cancelled = true;
                    current.get().cancel(true);
                }
            });
            return whole;
        }
    }
}
