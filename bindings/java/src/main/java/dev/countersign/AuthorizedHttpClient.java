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
        HttpResponse<FirstAnswer<T>> first = http.send(authorized, FirstAnswer.to(handler));
        if (first.statusCode() != UNAUTHORIZED) {
            return FirstAnswer.of(first);
        }
        client.invalidate(token.accessToken());
        Token other = client.token();
        return isSame(token, other) ? FirstAnswer.of(first) : http.send(authorized(request, other), handler);
    }

    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(HttpRequest request, BodyHandler<T> handler) {
        return sendAsync(request, handler, null);
    }

    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(
            HttpRequest request, BodyHandler<T> handler, PushPromiseHandler<T> pushes) {
        try {
            refuseClearText(request.uri());
        } catch (CountersignException refused) {
            return CompletableFuture.failedFuture(refused);
        }
        Chain chain = new Chain();
        return chain.cancelling(chain.step(client.tokenAsync()).thenCompose(token -> {
            HttpRequest authorized = authorized(request, token);
            if (!canBeSentAgain(request)) {
                return chain.step(http.sendAsync(authorized, handler, pushes)).thenCompose(answer -> {
                    if (answer.statusCode() != UNAUTHORIZED) {
                        return CompletableFuture.completedFuture(answer);
                    }
                    return chain.step(client.invalidateAsync(token.accessToken())).thenApply(done -> answer);
                });
            }
            return chain.step(http.sendAsync(authorized, FirstAnswer.to(handler), FirstAnswer.to(pushes)))
                    .thenCompose(first -> {
                        if (first.statusCode() != UNAUTHORIZED) {
                            return CompletableFuture.completedFuture(FirstAnswer.of(first));
                        }
                        return chain.step(client.invalidateAsync(token.accessToken()))
                                .thenCompose(done -> chain.step(client.tokenAsync()))
                                .thenCompose(other -> isSame(token, other)
                                        ? CompletableFuture.completedFuture(FirstAnswer.of(first))
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
        return HttpRequest.newBuilder(request, (name, value) -> true)
                .setHeader("Authorization", token.authorization())
                .build();
    }

    /** The JDK itself sends such bodies again; a length that is not known is that of a stream. */
    private static boolean canBeSentAgain(HttpRequest request) {
        return request.bodyPublisher().map(BodyPublisher::contentLength).orElse(0L) >= 0;
    }

    /** Whether the client has no other token: then the API would say the same again. */
    private static boolean isSame(Token token, Token other) {
        return token.accessToken().equals(other.accessToken());
    }

    private static void refuseClearText(URI uri) {
        if ("https".equalsIgnoreCase(uri.getScheme())) {
            return;
        }
        String host = uri.getHost();
        if (host == null || !isLoopback(host)) {
            throw Failure.argument(
                    "the token is not sent to " + host + " over " + uri.getScheme(),
                    "use https: plain http is allowed only to localhost and loopback addresses");
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
