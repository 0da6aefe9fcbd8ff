package dev.countersign.okhttp;

import java.io.IOException;
import java.util.Objects;
import java.util.function.Supplier;

import dev.countersign.Token;
import dev.countersign.TokenProvider;
import dev.countersign.internal.Targets;
import okhttp3.HttpUrl;
import okhttp3.Interceptor;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

/**
 * Adds a token to the requests of OkHttp. If the API responds with 401, it invalidates that token,
 * gets another one and repeats the request once. The second response goes to the caller, whatever
 * it is.
 *
 * <pre>{@code
 * OkHttpClient http = new OkHttpClient.Builder()
 *         .addInterceptor(new TokenInterceptor(client))
 *         .build();
 * }</pre>
 *
 * <p>Every request gets the token, so use this client only for the API that the token is for. The
 * token is not sent in clear text to another machine, and OkHttp doesn't send it along with a redirect
 * to another origin. A request with a one-shot body is not repeated.
 *
 * <p>If there is no token, the call fails with an {@link IOException}, as OkHttp expects of
 * interceptors. Its cause is the {@link dev.countersign.CountersignException}, or an
 * {@link IllegalArgumentException} for a request in clear text.
 *
 * <p>Add it with {@code addInterceptor}, not with {@code addNetworkInterceptor}, which would send
 * the token to the target of each redirect.
 */
public final class TokenInterceptor implements Interceptor {
    private static final int UNAUTHORIZED = 401;
    private static final String AUTHORIZATION = "Authorization";

    private final TokenProvider tokens;

    /**
     * Creates an interceptor.
     *
     * @param tokens provides the tokens, such as a {@link dev.countersign.Client}
     */
    public TokenInterceptor(TokenProvider tokens) {
        this.tokens = Objects.requireNonNull(tokens, "tokens");
    }

    @Override
    public Response intercept(Chain chain) throws IOException {
        Request request = chain.request();
        Token token = checked(() -> {
            Targets.check(request.url().uri());
            return tokens.token();
        });
        Response response = chain.proceed(authorized(request, token));
        if (response.code() != UNAUTHORIZED || !hadToken(response, request, token)) {
            return response;
        }
        Token other;
        try {
            other = checked(() -> {
                tokens.invalidate(token);
                return canBeSentAgain(request.body()) ? tokens.token() : token;
            });
        } catch (IOException failure) {
            response.close();
            throw failure;
        }
        if (other.accessToken().equals(token.accessToken())) {
            return response;
        }
        response.close();
        return chain.proceed(authorized(request, other));
    }

    /** An interceptor's other exceptions would end the dispatcher's thread. */
    private static Token checked(Supplier<Token> call) throws IOException {
        try {
            return call.get();
        } catch (RuntimeException failure) {
            throw new IOException("there is no token: " + failure.getMessage(), failure);
        }
    }

    private static Request authorized(Request request, Token token) {
        return request.newBuilder().header(AUTHORIZATION, token.authorization()).build();
    }

    /** A redirect to another origin, and each one after it, is sent without the token. */
    private static boolean hadToken(Response response, Request request, Token token) {
        HttpUrl asked = request.url();
        HttpUrl answered = response.request().url();
        return asked.scheme().equals(answered.scheme())
                && asked.host().equals(answered.host())
                && asked.port() == answered.port()
                && token.authorization().equals(response.request().header(AUTHORIZATION));
    }

    private static boolean canBeSentAgain(RequestBody body) {
        return body == null || !body.isOneShot() && !body.isDuplex();
    }
}
