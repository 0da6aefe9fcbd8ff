package dev.countersign.spring;

import java.util.Objects;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

import dev.countersign.Token;
import dev.countersign.TokenProvider;
import dev.countersign.internal.Targets;
import org.springframework.http.HttpStatus;
import org.springframework.web.reactive.function.client.ClientRequest;
import org.springframework.web.reactive.function.client.ClientResponse;
import org.springframework.web.reactive.function.client.ExchangeFilterFunction;
import org.springframework.web.reactive.function.client.ExchangeFunction;
import reactor.core.publisher.Mono;

/**
 * Adds a token to the requests of {@code WebClient}. If the API responds with 401, it invalidates
 * that token, gets another one and repeats the request once. The second response goes to the
 * caller, whatever it is. It never blocks.
 *
 * <pre>{@code
 * WebClient http = WebClient.builder().filter(new TokenFilter(client)).build();
 * }</pre>
 *
 * <p>A request is repeated if it has no body or a body that is a value. A 401 for a stream, such as
 * a {@code Flux}, goes to the caller, and the next request has another token.
 *
 * <p>The connector must not follow redirects, because it would send the token along to other hosts.
 * A filter can't see that. Spring's connectors don't by default.
 *
 * <p>Every request gets the token, so use it only for the API that the token is for. The token is
 * not sent in clear text to another machine: such a request fails with an
 * {@link IllegalArgumentException}.
 */
public final class TokenFilter implements ExchangeFilterFunction {
    private final TokenProvider tokens;

    /**
     * Creates a filter.
     *
     * @param tokens provides the tokens, such as a {@link dev.countersign.Client}
     */
    public TokenFilter(TokenProvider tokens) {
        this.tokens = Objects.requireNonNull(tokens, "tokens");
    }

    @Override
    public Mono<ClientResponse> filter(ClientRequest request, ExchangeFunction next) {
        return Mono.defer(() -> {
            Targets.check(request.url());
            SentBody body = new SentBody(request.body());
            return waiting(tokens::tokenAsync).flatMap(token -> next.exchange(authorized(request, token, body))
                    .flatMap(response -> response.statusCode().isSameCodeAs(HttpStatus.UNAUTHORIZED)
                            ? again(request, token, body, response, next)
                            : Mono.just(response)));
        });
    }

    private Mono<ClientResponse> again(
            ClientRequest request, Token token, SentBody body, ClientResponse response, ExchangeFunction next) {
        Mono<Token> invalidated =
                waiting(() -> tokens.invalidateAsync(token).thenApply(done -> token));
        return (body.canBeSentAgain() ? invalidated.then(waiting(tokens::tokenAsync)) : invalidated)
                .onErrorResume(failure -> response.releaseBody().then(Mono.error(failure)))
                .flatMap(other -> other.accessToken().equals(token.accessToken())
                        ? Mono.just(response)
                        : response.releaseBody().then(next.exchange(authorized(request, other, body))));
    }

    private static ClientRequest authorized(ClientRequest request, Token token, SentBody body) {
        return ClientRequest.from(request)
                .headers(headers -> token.headers().forEach(headers::set))
                .body(body)
                .build();
    }

    /** Fails with the exception itself, not with the one that the future wraps it in. */
    private static <T> Mono<T> waiting(Supplier<CompletableFuture<T>> call) {
        return Mono.fromFuture(call)
                .onErrorMap(CompletionException.class, failure -> Objects.requireNonNullElse(failure.getCause(), failure));
    }
}
