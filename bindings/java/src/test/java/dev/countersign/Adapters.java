package dev.countersign;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.BiConsumer;
import java.util.function.Function;

import dev.countersign.okhttp.TokenInterceptor;
import dev.countersign.spring.TokenFilter;
import dev.countersign.spring.TokenRequestInterceptor;
import okhttp3.Call;
import okhttp3.Callback;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okio.BufferedSink;
import org.springframework.http.HttpMethod;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.http.client.reactive.JdkClientHttpConnector;
import org.springframework.web.client.RestClient;
import org.springframework.web.reactive.function.BodyInserters;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The HTTP adapters of this package, as functions that send a request and return the status. */
enum Adapters {
    JDK(false, true, tokens -> {
        HttpClient http = new AuthorizedHttpClient(tokens, HttpClient.newHttpClient());
        return request -> http.send(jdk(request), BodyHandlers.ofString()).statusCode();
    }),
    JDK_ASYNC(false, true, tokens -> {
        HttpClient http = new AuthorizedHttpClient(tokens, HttpClient.newHttpClient());
        return request -> joined(http.sendAsync(jdk(request), BodyHandlers.ofString())).statusCode();
    }),
    OKHTTP(true, true, tokens -> {
        OkHttpClient http = TokenInterceptor.addTo(new OkHttpClient.Builder(), tokens).build();
        return request -> {
            try (Response response = http.newCall(okhttp(request)).execute()) {
                return response.code();
            }
        };
    }),
    OKHTTP_ASYNC(true, true, tokens -> {
        OkHttpClient http = TokenInterceptor.addTo(new OkHttpClient.Builder(), tokens).build();
        return request -> joined(enqueued(http.newCall(okhttp(request))));
    }),
    REST_CLIENT(false, false, tokens -> {
        RestClient http = RestClient.builder()
                .requestFactory(new JdkClientHttpRequestFactory(HttpClient.newHttpClient()))
                .requestInterceptor(new TokenRequestInterceptor(tokens))
                .build();
        return request -> {
            RestClient.RequestBodySpec spec =
                    http.method(HttpMethod.valueOf(request.method())).uri(request.url());
            request.addHeaders(spec::header);
            if (request.stream()) {
                spec.body(stream -> stream.write(request.bytes()));
            } else if (request.body() != null) {
                spec.body(request.body());
            }
            return spec.exchange((sent, response) -> response.getStatusCode().value());
        };
    }),
    WEB_CLIENT(false, true, tokens -> {
        WebClient http = WebClient.builder()
                .clientConnector(new JdkClientHttpConnector(HttpClient.newHttpClient()))
                .filter(new TokenFilter(tokens))
                .build();
        return request -> {
            WebClient.RequestBodySpec spec =
                    http.method(HttpMethod.valueOf(request.method())).uri(request.url());
            request.addHeaders(spec::header);
            if (request.stream()) {
                spec.body(BodyInserters.fromPublisher(Flux.just(request.body()), String.class));
            } else if (request.body() != null) {
                spec.bodyValue(request.body());
            }
            return spec.exchangeToMono(response -> response.releaseBody()
                            .then(Mono.just(response.statusCode().value())))
                    .block();
        };
    });

    /** Whether it follows redirects, also to other origins. */
    final boolean follows;
    /** Whether a body may be one that can't be sent again. */
    final boolean streams;

    private final Function<TokenProvider, Sender> adapt;

    Adapters(boolean follows, boolean streams, Function<TokenProvider, Sender> adapt) {
        this.follows = follows;
        this.streams = streams;
        this.adapt = adapt;
    }

    Sender with(TokenProvider tokens) {
        return adapt.apply(tokens);
    }

    /** Sends a request and returns the status. */
    interface Sender {
        int send(Sent request) throws Exception;
    }

    /** A request; {@code POST} if it has a body. */
    record Sent(URI url, String body, boolean stream, String authorization) {
        static Sent get(String url) {
            return new Sent(URI.create(url), null, false, null);
        }

        String method() {
            return body == null ? "GET" : "POST";
        }

        byte[] bytes() {
            return body.getBytes(StandardCharsets.UTF_8);
        }

        void addHeaders(BiConsumer<String, String> headers) {
            if (authorization != null) {
                headers.accept("Authorization", authorization);
            }
        }
    }

    private static HttpRequest jdk(Sent given) {
        HttpRequest.Builder request = HttpRequest.newBuilder(given.url());
        given.addHeaders(request::header);
        if (given.stream()) {
            request.POST(BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(given.bytes())));
        } else if (given.body() != null) {
            request.POST(BodyPublishers.ofString(given.body()));
        }
        return request.build();
    }

    private static Request okhttp(Sent given) {
        Request.Builder request = new Request.Builder().url(given.url().toString());
        given.addHeaders(request::header);
        if (given.stream()) {
            request.post(new OneShot(given.body()));
        } else if (given.body() != null) {
            request.post(RequestBody.create(given.bytes()));
        }
        return request.build();
    }

    private static CompletableFuture<Integer> enqueued(Call call) {
        CompletableFuture<Integer> status = new CompletableFuture<>();
        call.enqueue(new Callback() {
            @Override
            public void onResponse(Call same, Response response) {
                response.close();
                status.complete(response.code());
            }

            @Override
            public void onFailure(Call same, IOException failure) {
                status.completeExceptionally(failure);
            }
        });
        return status;
    }

    private static <T> T joined(CompletableFuture<T> future) throws Exception {
        try {
            return future.get();
        } catch (ExecutionException failure) {
            throw failure.getCause() instanceof Exception cause ? cause : failure;
        }
    }

    private static final class OneShot extends RequestBody {
        private final String body;

        OneShot(String body) {
            this.body = body;
        }

        @Override
        public MediaType contentType() {
            return null;
        }

        @Override
        public boolean isOneShot() {
            return true;
        }

        @Override
        public void writeTo(BufferedSink sink) throws IOException {
            sink.writeUtf8(body);
        }
    }
}
