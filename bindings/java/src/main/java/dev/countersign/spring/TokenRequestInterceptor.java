package dev.countersign.spring;

import java.io.IOException;
import java.util.Objects;

import dev.countersign.Token;
import dev.countersign.TokenProvider;
import dev.countersign.internal.Targets;
import org.springframework.http.HttpRequest;
import org.springframework.http.HttpStatus;
import org.springframework.http.client.ClientHttpRequestExecution;
import org.springframework.http.client.ClientHttpRequestInterceptor;
import org.springframework.http.client.ClientHttpResponse;

/**
 * Adds a token to the requests of {@code RestClient} and {@code RestTemplate}. If the API responds
 * with 401, it invalidates that token, gets another one and repeats the request once. The second
 * response goes to the caller, whatever it is.
 *
 * <pre>{@code
 * RestClient http = RestClient.builder()
 *         .requestFactory(new JdkClientHttpRequestFactory(HttpClient.newHttpClient()))
 *         .requestInterceptor(new TokenRequestInterceptor(client))
 *         .build();
 * }</pre>
 *
 * <p>The request factory must not follow redirects, because it would send the token along to other
 * hosts. An interceptor can't see that. The factory above doesn't.
 *
 * <p>Every request gets the token, so use it only for the API that the token is for. The token is
 * not sent in clear text to another machine: such a request throws an
 * {@link IllegalArgumentException}. Spring buffers the bodies of intercepted requests, so each one
 * can be repeated.
 */
public final class TokenRequestInterceptor implements ClientHttpRequestInterceptor {
    private final TokenProvider tokens;

    /**
     * Creates an interceptor.
     *
     * @param tokens provides the tokens, such as a {@link dev.countersign.Client}
     */
    public TokenRequestInterceptor(TokenProvider tokens) {
        this.tokens = Objects.requireNonNull(tokens, "tokens");
    }

    @Override
    public ClientHttpResponse intercept(HttpRequest request, byte[] body, ClientHttpRequestExecution execution)
            throws IOException {
        Targets.check(request.getURI());
        Token token = tokens.token();
        token.headers().forEach(request.getHeaders()::set);
        ClientHttpResponse response = execution.execute(request, body);
        Token other;
        try {
            if (!response.getStatusCode().isSameCodeAs(HttpStatus.UNAUTHORIZED)) {
                return response;
            }
            tokens.invalidate(token);
            other = tokens.token();
        } catch (IOException | RuntimeException failure) {
            response.close();
            throw failure;
        }
        if (other.accessToken().equals(token.accessToken())) {
            return response;
        }
        response.close();
        other.headers().forEach(request.getHeaders()::set);
        return execution.execute(request, body);
    }
}
