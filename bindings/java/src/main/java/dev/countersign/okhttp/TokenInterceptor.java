package dev.countersign.okhttp;

import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

import dev.countersign.Token;
import dev.countersign.TokenProvider;
import dev.countersign.internal.Targets;
import okhttp3.HttpUrl;
import okhttp3.Interceptor;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

/**
 * Adds a token to the requests of OkHttp. If the API responds with 401, it invalidates that token,
 * gets another one and repeats the request once. The second response goes to the caller, whatever
 * it is.
 *
 * <pre>{@code
 * OkHttpClient http = TokenInterceptor.addTo(new OkHttpClient.Builder(), client).build();
 * }</pre>
 *
 * <p>Every request gets the token, so use this client only for the API that the token is for. The
 * token is not sent in clear text to another machine, nor with a redirect to another origin. A
 * request with a one-shot body is not repeated.
 *
 * <p>If there is no token, the call fails with an {@link IOException}, as OkHttp expects of
 * interceptors. Its cause is the {@link dev.countersign.CountersignException}, or an
 * {@link IllegalArgumentException} for a request in clear text.
 *
 * <p>If you add it yourself, use {@code addInterceptor}, not {@code addNetworkInterceptor}, which
 * would send the token to the target of each redirect. Calls then fail if the vendor's API expects the
 * token in other headers than {@code Authorization}, because OkHttp removes only that one from
 * redirects to other origins.
 */
public final class TokenInterceptor implements Interceptor {
    private static final int UNAUTHORIZED = 401;

    private final TokenProvider tokens;
    /** Whether a {@link Guard} removes the token from redirects. */
    private final boolean guarded;

    /**
     * Creates an interceptor.
     *
     * @param tokens provides the tokens, such as a {@link dev.countersign.Client}
     */
    public TokenInterceptor(TokenProvider tokens) {
        this(tokens, false);
    }

    private TokenInterceptor(TokenProvider tokens, boolean guarded) {
        this.tokens = Objects.requireNonNull(tokens, "tokens");
        this.guarded = guarded;
    }

    /**
     * Adds tokens to the requests of a client that is being built.
     *
     * @param builder the builder
     * @param tokens provides the tokens, such as a {@link dev.countersign.Client}
     * @return the builder
     */
    public static OkHttpClient.Builder addTo(OkHttpClient.Builder builder, TokenProvider tokens) {
        return builder.addInterceptor(new TokenInterceptor(tokens, true)).addNetworkInterceptor(new Guard());
    }

    @Override
    public Response intercept(Chain chain) throws IOException {
        Request request = chain.request();
        Token token = checked(() -> {
            Targets.check(request.url().uri());
            return tokens.token();
        });
        Carried carried = new Carried(request.url());
        Response response = chain.proceed(checked(() -> authorized(request, token, carried)));
        if (response.code() != UNAUTHORIZED || !hadToken(response, carried, token)) {
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
        return chain.proceed(
                checked(() -> authorized(request, other, new Carried(request.url()))));
    }

    /** An interceptor's other exceptions would end the dispatcher's thread. */
    private static <T> T checked(Supplier<T> call) throws IOException {
        try {
            return call.get();
        } catch (RuntimeException failure) {
            throw new IOException("there is no token to send: " + failure.getMessage(), failure);
        }
    }

    private Request authorized(Request request, Token token, Carried carried) {
        Map<String, String> headers = token.headers();
        if (!guarded && !headers.keySet().stream().allMatch("Authorization"::equalsIgnoreCase)) {
            throw new IllegalArgumentException("the token needs other headers than Authorization, which OkHttp would "
                    + "send along with a redirect to another origin (use TokenInterceptor.addTo)");
        }
        Request.Builder authorized = request.newBuilder();
        headers.forEach(authorized::header);
        return authorized.tag(Carried.class, carried.naming(headers.keySet())).build();
    }

    /** A redirect to another origin, and each one after it, is sent without the token. */
    private static boolean hadToken(Response response, Carried carried, Token token) {
        Request answered = response.request();
        return !carried.strayed.get()
                && carried.allows(answered.url())
                && token.headers().entrySet().stream()
                        .allMatch(header -> header.getValue().equals(answered.header(header.getKey())));
    }

    private static boolean canBeSentAgain(RequestBody body) {
        return body == null || !body.isOneShot() && !body.isDuplex();
    }

    /** Where the headers of a request's token may go. It stays with the request's redirects. */
    private record Carried(HttpUrl first, AtomicBoolean strayed, Set<String> names) {
        Carried(HttpUrl first) {
            this(first, new AtomicBoolean(), Set.of());
        }

        Carried naming(Set<String> headers) {
            return new Carried(first, strayed, headers);
        }

        boolean allows(HttpUrl url) {
            return first.scheme().equals(url.scheme()) && first.host().equals(url.host()) && first.port() == url.port();
        }
    }

    /** Removes the token's headers from a redirect to another origin, and from each one after it. */
    private static final class Guard implements Interceptor {
        @Override
        public Response intercept(Chain chain) throws IOException {
            Request request = chain.request();
            Carried carried = request.tag(Carried.class);
            if (carried == null) {
                return chain.proceed(request);
            }
            if (!carried.allows(request.url())) {
                carried.strayed.set(true);
            }
            if (!carried.strayed.get()) {
                return chain.proceed(request);
            }
            Request.Builder bare = request.newBuilder();
            carried.names.forEach(bare::removeHeader);
            return chain.proceed(bare.build());
        }
    }
}
