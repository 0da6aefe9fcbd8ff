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
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpResponse.PushPromiseHandler;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;

/**
 * An {@link HttpClient} that puts a connection's token on each request. Where the API answers 401, that token is
 * invalidated and the request is sent once more with another one; the answer to that goes to the caller, whatever it
 * is.
 *
 * <pre>{@code
 * HttpClient http = new AuthorizedHttpClient(client, HttpClient.newHttpClient());
 * HttpResponse<String> answer = http.send(
 *         HttpRequest.newBuilder(URI.create("https://demo.docusign.net/restapi/v2.1/accounts")).build(),
 *         BodyHandlers.ofString());
 * }</pre>
 *
 * <p>A request is sent again only where its body can be: where there is none, or its length is known, as with a
 * text, bytes or a file. A 401 to a streamed body goes to the caller, and the next request has another token.
 *
 * <p>Every request gets the token: use this client for the one API that the token is for. It is not sent in clear
 * text to another machine, and not along with a redirect, since redirects are not followed.
 *
 * <p>No token is a {@link CountersignException}: thrown by {@code send}, the cause in the future of {@code sendAsync}.
 * From JDK 21 on, close the client that this one was made over, not this one.
 */
public final class AuthorizedHttpClient extends HttpClient {
    private static final int UNAUTHORIZED = 401;

    private final Client client;
    private final HttpClient http;

    /**
     * Puts the tokens of {@code client} on the requests of {@code http}.
     *
     * @param client hands out the tokens; stays the caller's to close
     * @param http sends; its settings are kept
     * @throws IllegalArgumentException where {@code http} follows redirects: it would take the token along to whatever
     *     host an answer names
     */
    public AuthorizedHttpClient(Client client, HttpClient http) {
        this.client = Objects.requireNonNull(client, "client");
        this.http = Objects.requireNonNull(http, "http");
        if (http.followRedirects() != Redirect.NEVER) {
            throw new IllegalArgumentException("the HttpClient follows redirects, and would take the token along to "
                    + "other hosts: build it with followRedirects(Redirect.NEVER), which is the default");
        }
    }

    @Override
    public <T> HttpResponse<T> send(HttpRequest request, BodyHandler<T> handler)
            throws IOException, InterruptedException {
        refuseClearText(request.uri());
        Token token = client.token();
        HttpRequest authorized = authorized(request, token);
        if (!canBeSentAgain(request)) {
            HttpResponse<T> answer = http.send(authorized, handler);
            if (answer.statusCode() == UNAUTHORIZED) {
                client.invalidate(token.accessToken());
            }
            return answer;
        }
        HttpResponse<T> answer = http.send(authorized, unlessUnauthorized(handler));
        if (answer.statusCode() != UNAUTHORIZED) {
            return answer;
        }
        client.invalidate(token.accessToken());
        return http.send(authorized(request, client.token()), handler);
    }

    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(HttpRequest request, BodyHandler<T> handler) {
        return sendAsync(request, handler, null);
    }

    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(
            HttpRequest request, BodyHandler<T> handler, PushPromiseHandler<T> pushes) {
        refuseClearText(request.uri());
        Chain chain = new Chain();
        return chain.cancelling(chain.step(client.tokenAsync()).thenCompose(token -> {
            HttpRequest authorized = authorized(request, token);
            if (!canBeSentAgain(request)) {
                return chain.step(http.sendAsync(authorized, handler, pushes)).thenApply(answer -> {
                    if (answer.statusCode() == UNAUTHORIZED) {
                        client.invalidate(token.accessToken());
                    }
                    return answer;
                });
            }
            return chain.step(http.sendAsync(authorized, unlessUnauthorized(handler), pushes))
                    .thenCompose(answer -> {
                        if (answer.statusCode() != UNAUTHORIZED) {
                            return CompletableFuture.completedFuture(answer);
                        }
                        client.invalidate(token.accessToken());
                        return chain.step(client.tokenAsync())
                                .thenCompose(
                                        other -> chain.step(
                                                http.sendAsync(authorized(request, other), handler, pushes)));
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
        return HttpRequest.newBuilder(request, (name, value) -> true)
                .setHeader("Authorization", token.authorization())
                .build();
    }

    /** The JDK itself sends such bodies again; a length that is not known is that of a stream. */
    private static boolean canBeSentAgain(HttpRequest request) {
        return request.bodyPublisher().map(BodyPublisher::contentLength).orElse(0L) >= 0;
    }

    /** Leaves the first 401 unread: it is not the caller's. */
    private static <T> BodyHandler<T> unlessUnauthorized(BodyHandler<T> handler) {
        return answer -> answer.statusCode() == UNAUTHORIZED ? BodySubscribers.replacing(null) : handler.apply(answer);
    }

    private static void refuseClearText(URI uri) {
        if (!"http".equalsIgnoreCase(uri.getScheme())) {
            return;
        }
        String host = uri.getHost();
        if (host == null || !isLoopback(host)) {
            throw new IllegalArgumentException("a token is not sent in clear text: use https for " + host);
        }
    }

    private static boolean isLoopback(String host) {
        return host.equalsIgnoreCase("localhost") || host.equals("[::1]") || host.matches("127(\\.\\d{1,3}){3}");
    }

    /** The step that a call is at, so that cancelling the call cancels that. */
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
            whole.whenComplete((answer, failure) -> {
                if (whole.isCancelled()) {
                    cancelled = true;
                    current.get().cancel(true);
                }
            });
            return whole;
        }
    }
}
