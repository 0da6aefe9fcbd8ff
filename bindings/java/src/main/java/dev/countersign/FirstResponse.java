package dev.countersign;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpResponse.PushPromiseHandler;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Flow;
import java.util.function.Supplier;
import javax.net.ssl.SSLSession;

/**
 * The body of the first response. The body of a 401 is held back: the caller's handler, which may
 * write a file, gets it only if the request is not repeated.
 *
 * @param body returns the caller's body
 */
record FirstResponse<T>(Supplier<T> body) {
    private static final int UNAUTHORIZED = 401;

    static <T> BodyHandler<FirstResponse<T>> to(BodyHandler<T> handler) {
        return info -> info.statusCode() == UNAUTHORIZED
                ? BodySubscribers.mapping(
                        BodySubscribers.ofByteArray(),
                        bytes -> new FirstResponse<>(() -> handled(handler, info, bytes)))
                : BodySubscribers.mapping(handler.apply(info), body -> new FirstResponse<>(() -> body));
    }

    static <T> PushPromiseHandler<FirstResponse<T>> to(PushPromiseHandler<T> pushes) {
        if (pushes == null) {
            return null;
        }
        return (initiating, pushed, acceptor) -> pushes.applyPushPromise(
                initiating, pushed, handler -> acceptor.apply(to(handler)).thenApply(FirstResponse::of));
    }

    static <T> HttpResponse<T> of(HttpResponse<FirstResponse<T>> first) {
        return new Opened<>(first, first.body().body().get());
    }

    /** Returns the handler's result for bytes that were read before. */
    private static <T> T handled(BodyHandler<T> handler, ResponseInfo info, byte[] bytes) {
        BodySubscriber<T> subscriber = handler.apply(info);
        subscriber.onSubscribe(new Flow.Subscription() {
            private boolean sent;

            @Override
            public void request(long count) {
                if (!sent) {
                    sent = true;
                    subscriber.onNext(List.of(ByteBuffer.wrap(bytes)));
                    subscriber.onComplete();
                }
            }

            @Override
            public void cancel() {
                sent = true;
            }
        });
        return subscriber.getBody().toCompletableFuture().join();
    }

    private record Opened<T>(HttpResponse<?> first, T body) implements HttpResponse<T> {
        @Override
        public int statusCode() {
            return first.statusCode();
        }

        @Override
        public HttpRequest request() {
            return first.request();
        }

        @Override
        public Optional<HttpResponse<T>> previousResponse() {
            return Optional.empty();
        }

        @Override
        public HttpHeaders headers() {
            return first.headers();
        }

        @Override
        public Optional<SSLSession> sslSession() {
            return first.sslSession();
        }

        @Override
        public URI uri() {
            return first.uri();
        }

        @Override
        public HttpClient.Version version() {
            return first.version();
        }
    }
}
