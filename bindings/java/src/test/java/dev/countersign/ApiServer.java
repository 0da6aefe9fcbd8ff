package dev.countersign;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/** A fake API on loopback, with scripted responses, that records requests. */
final class ApiServer implements AutoCloseable {
    private static final AtomicLong NUMBERS = new AtomicLong();

    private final HttpServer server;
    private final Deque<Scripted> responses = new ConcurrentLinkedDeque<>();
    private final List<Call> calls = new CopyOnWriteArrayList<>();

    ApiServer() throws IOException {
        server = listen();
        server.createContext("/", this::handle);
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
    }

    String url(String path) {
        return "http://127.0.0.1:" + server.getAddress().getPort() + path;
    }

    /** Sets the next responses, in order. After the last one, it responds with 200. */
    ApiServer responds(int... statuses) {
        for (int status : statuses) {
            responses.add(new Scripted(status, null, null, null));
        }
        return this;
    }

    ApiServer redirects(String location) {
        return redirects(302, location);
    }

    ApiServer redirects(int status, String location) {
        responses.add(new Scripted(status, location, null, null));
        return this;
    }

    /** Responds when the latch opens. */
    ApiServer respondsAfter(CountDownLatch latch) {
        return respondsAfter(latch, null);
    }

    /** Responds with this JSON when the latch opens. */
    ApiServer respondsAfter(CountDownLatch latch, String json) {
        responses.add(new Scripted(200, null, latch, json));
        return this;
    }

    List<Call> calls() {
        return calls;
    }

    @Override
    public void close() {
        server.stop(0);
    }

    private void handle(HttpExchange exchange) throws IOException {
        String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        calls.add(new Call(
                NUMBERS.incrementAndGet(),
                exchange.getRequestURI().getPath(), exchange.getRequestHeaders(), body));
        Scripted response = responses.isEmpty() ? new Scripted(200, null, null, null) : responses.remove();
        if (response.after != null) {
            await(response.after);
        }
        if (response.location != null) {
            exchange.getResponseHeaders().set("Location", response.location);
        }
        if (response.json != null) {
            exchange.getResponseHeaders().set("Content-Type", "application/json");
        }
        String sent = response.json == null ? "status " + response.status : response.json;
        byte[] text = sent.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(response.status, text.length);
        exchange.getResponseBody().write(text);
        exchange.close();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interruption) {
            throw new IllegalStateException(interruption);
        }
    }

    private static HttpServer listen() throws IOException {
        while (true) {
            // Below the ports that the system uses for outgoing connections.
            int port = ThreadLocalRandom.current().nextInt(20_000, 32_000);
            try {
                return HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
            } catch (BindException taken) {
                continue;
            }
        }
    }

    /** A received request, numbered among all servers. */
    record Call(long number, String path, Headers headers, String body) {
        List<String> authorization() {
            return headers.get("Authorization");
        }
    }

    private record Scripted(int status, String location, CountDownLatch after, String json) {}
}
