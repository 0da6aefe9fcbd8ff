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

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/** A fake API on loopback, with scripted responses, that records requests. */
final class ApiServer implements AutoCloseable {
    private final HttpServer server;
    private final Deque<Answer> answers = new ConcurrentLinkedDeque<>();
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
    ApiServer answers(int... statuses) {
        for (int status : statuses) {
            answers.add(new Answer(status, null, null, null));
        }
        return this;
    }

    ApiServer redirects(String location) {
        return redirects(302, location);
    }

    ApiServer redirects(int status, String location) {
        answers.add(new Answer(status, location, null, null));
        return this;
    }

    /** Responds when the latch opens. */
    ApiServer answersAfter(CountDownLatch latch) {
        return answersAfter(latch, null);
    }

    /** Responds with this JSON when the latch opens. */
    ApiServer answersAfter(CountDownLatch latch, String json) {
        answers.add(new Answer(200, null, latch, json));
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
                exchange.getRequestURI().getPath(), exchange.getRequestHeaders().get("Authorization"), body));
        Answer answer = answers.isEmpty() ? new Answer(200, null, null, null) : answers.remove();
        if (answer.after != null) {
            await(answer.after);
        }
        if (answer.location != null) {
            exchange.getResponseHeaders().set("Location", answer.location);
        }
        if (answer.json != null) {
            exchange.getResponseHeaders().set("Content-Type", "application/json");
        }
        byte[] text = (answer.json == null ? "answer " + answer.status : answer.json).getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(answer.status, text.length);
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

    /** A received request. */
    record Call(String path, List<String> authorization, String body) {}

    private record Answer(int status, String location, CountDownLatch after, String json) {}
}
