package dev.countersign.spring;

import java.nio.ByteBuffer;

import org.reactivestreams.Publisher;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.http.client.reactive.ClientHttpRequest;
import org.springframework.http.client.reactive.ClientHttpRequestDecorator;
import org.springframework.web.reactive.function.BodyInserter;
import reactor.core.publisher.Mono;

/**
 * A request's body, which keeps its bytes when it is sent if it is a value. Spring writes a value
 * as a {@code Mono} of a buffer, and a stream as a {@code Flux}.
 */
final class SentBody implements BodyInserter<Object, ClientHttpRequest> {
    private final BodyInserter<?, ? super ClientHttpRequest> body;
    private volatile byte[] bytes;
    private volatile boolean stream;

    SentBody(BodyInserter<?, ? super ClientHttpRequest> body) {
        this.body = body;
    }

    boolean canBeSentAgain() {
        return !stream;
    }

    @Override
    public Mono<Void> insert(ClientHttpRequest request, Context context) {
        if (bytes != null) {
            byte[] kept = bytes;
            return request.writeWith(Mono.fromSupplier(() -> request.bufferFactory().wrap(kept)));
        }
        return body.insert(new Keeping(request), context);
    }

    private final class Keeping extends ClientHttpRequestDecorator {
        Keeping(ClientHttpRequest request) {
            super(request);
        }

        @Override
        public Mono<Void> writeWith(Publisher<? extends DataBuffer> written) {
            if (written instanceof Mono<? extends DataBuffer> value) {
                return super.writeWith(value.doOnNext(this::keep));
            }
            stream = true;
            return super.writeWith(written);
        }

        @Override
        public Mono<Void> writeAndFlushWith(Publisher<? extends Publisher<? extends DataBuffer>> written) {
            stream = true;
            return super.writeAndFlushWith(written);
        }

        private void keep(DataBuffer buffer) {
            ByteBuffer kept = ByteBuffer.allocate(buffer.readableByteCount());
            buffer.toByteBuffer(kept);
            bytes = kept.array();
        }
    }
}
