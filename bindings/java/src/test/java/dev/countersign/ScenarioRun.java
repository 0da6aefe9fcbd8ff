package dev.countersign;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** One run of one scenario. */
final class ScenarioRun {
    private final Sandbox sandbox;
    private final Members scenario;
    private final TestClock clock = new TestClock();
    private final ScenarioClients clients;
    private final Map<String, Token> named = new HashMap<>();
    private final Expectation expectation;
    private Client client;

    ScenarioRun(Sandbox sandbox, Members scenario) {
        this.sandbox = sandbox;
        this.scenario = scenario;
        this.clients = new ScenarioClients(sandbox, scenario, clock);
        this.expectation = new Expectation(clients::filled, named, clock);
    }

    void run() throws Exception {
        sandbox.reset();
        if (scenario.has("open")) {
            JsonObject error = Members.of(scenario.object("open"), "error").object("error");
            expectation.error(error, assertThrows(RuntimeException.class, clients::make));
            assertTrue(scenario.element("steps").getAsJsonArray().isEmpty(), "steps after a failed open");
        } else {
            client = clients.make();
            try {
                for (JsonElement step : scenario.element("steps").getAsJsonArray()) {
                    step(step.getAsJsonObject());
                }
            } finally {
                client.close();
            }
        }
        if (scenario.has("requests")) {
            List<String> grants = StreamSupport.stream(sandbox.requests().spliterator(), false)
                    .map(request -> request.getAsJsonObject().get("grant").getAsString())
                    .toList();
            List<String> expected = StreamSupport.stream(
                            scenario.element("requests").getAsJsonArray().spliterator(), false)
                    .map(JsonElement::getAsString)
                    .toList();
            assertEquals(expected, grants, "token requests");
        }
    }

    private void step(JsonObject object) throws Exception {
        try {
            take(object);
        } catch (Exception | Error failure) {
            failure.addSuppressed(new AssertionError("in the step " + object));
            throw failure;
        }
    }

    private void take(JsonObject object) throws Exception {
        switch (object.get("do").getAsString()) {
            case "token" -> token(Members.of(object, "do", "expect", "min_valid_s", "as"));
            case "refresh" -> token(Members.of(object, "do", "expect", "as"), () -> client.refresh());
            case "login" -> login(Members.of(object, "do", "expect", "decision", "as"));
            case "invalidate" -> client.invalidate(
                    named.get(Members.of(object, "do", "token").text("token")).accessToken());
            case "identity" -> expectation.result(
                    Members.of(object, "do", "expect"), client::identity, expectation::identity);
            case "forget" -> {
                Members step = Members.of(object, "do", "force", "expect");
                expectation.result(
                        step, step.isTrue("force") ? client::forceForget : client::forget, expectation::revocation);
            }
            case "drain" -> {
                Members.of(object, "do");
                client.drain(Duration.ofSeconds(10));
            }
            case "counts" -> expectation.result(
                    Members.of(object, "do", "expect"), client::counts, expectation::counts);
            case "advance" -> advance(Members.of(object, "do", "s"));
            case "sandbox" -> {
                Members step = Members.of(object, "do", "post", "body");
                sandbox.post(step.text("post"), clients.filled(step.element("body").toString()));
            }
            case "reopen" -> {
                Members.of(object, "do");
                client.close();
                client = clients.make();
            }
            case "threads" -> threads(Members.of(object, "do", "expect", "count", "as"));
            case "cancel" -> {
                Members.of(object, "do");
                cancel();
            }
            case "api" -> api(Members.of(object, "do", "expect", "path"));
            case "events" -> events(Members.of(object, "do", "expect"));
            case "close_in_use" -> Crowd.closesInUse(
                    client, Math.toIntExact(Members.of(object, "do", "count").number("count")));
            case "collect" -> collect(Members.of(object, "do", "rounds").number("rounds"));
            default -> throw new AssertionError("unknown step: " + object);
        }
    }

    private void token(Members step) throws Exception {
        token(step, () -> step.has("min_valid_s")
                ? client.token(TokenRequest.create().minValid(Duration.ofSeconds(step.number("min_valid_s"))))
                : client.token());
    }

    private void token(Members step, Callable<Token> call) throws Exception {
        Token token = expectation.result(step, call, expectation::token);
        if (step.has("as")) {
            named.put(step.text("as"), token);
        }
    }

    private void login(Members step) throws Exception {
        token(step, () -> {
            try (Login login = client.startLogin()) {
                String callback = sandbox.decideLogin(login.url(), step.text("decision"));
                if (!callback.contains(login.state())) {
                    throw new AssertionError("the login's state is not in " + callback);
                }
                return client.completeLogin(login, callback);
            }
        });
    }

    private void advance(Members step) {
        clock.advance(step.number("s"));
        sandbox.post("/_sandbox/clock", "{\"offset_s\":" + clock.offsetSeconds() + "}");
    }

    private void threads(Members step) throws Exception {
        List<Callable<Token>> asked = Crowd.together(Math.toIntExact(step.number("count")), () -> client.token());
        Token first = null;
        for (Callable<Token> call : asked) {
            Token token = expectation.result(step, call, expectation::token);
            if (token != null) {
                first = first == null ? token : first;
                assertEquals(first.accessToken(), token.accessToken(), "the threads got different tokens");
            }
        }
        if (step.has("as")) {
            named.put(step.text("as"), first);
        }
    }

    private void cancel() {
        int before = sandbox.requests().size();
        CompletableFuture<Token> asked = client.tokenAsync();
        Patience.until(Duration.ofSeconds(60), () -> sandbox.requests().size() > before);
        assertFalse(asked.isDone(), "the call ended before it was cancelled");
        long start = System.nanoTime();
        assertTrue(asked.cancel(true), "cancelled");
        assertThrows(CancellationException.class, asked::join);
        assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(3), "the cancellation took too long");
    }

    private void api(Members step) throws Exception {
        Members expect = Members.of(step.object("expect"), "status", "token_requests");
        int before = sandbox.requests().size();
        HttpClient http = new AuthorizedHttpClient(client, sandbox.http());
        HttpResponse<String> response = http.send(
                HttpRequest.newBuilder(URI.create(sandbox.url() + step.text("path"))).build(),
                BodyHandlers.ofString());
        if (expect.has("status")) {
            assertEquals(expect.number("status"), response.statusCode(), response.body());
        }
        if (expect.has("token_requests")) {
            assertEquals(expect.number("token_requests"), sandbox.requests().size() - before, "token requests");
        }
    }

    private void events(Members step) {
        Members expect = Members.of(step.object("expect"), "obtained", "rotated", "forgotten");
        Patience.until(Duration.ofSeconds(60), () -> {
            int rotated = clients.heard(TokenChange.ROTATED);
            Map<String, Integer> heard = Map.of(
                    "obtained", clients.heard(TokenChange.OBTAINED) + rotated,
                    "rotated", rotated,
                    "forgotten", clients.heard(TokenChange.FORGOTTEN));
            return expect.object().entrySet().stream()
                    .allMatch(entry -> heard.get(entry.getKey()) == entry.getValue().getAsInt());
        });
    }

    private void collect(long rounds) throws Exception {
        long before = Callbacks.latest();
        for (long round = 1; round <= rounds; round++) {
            String other = dropped();
            assertEquals(client.token().accessToken(), other, "the same token");
            if (round % 10 == 0) {
                System.gc();
            }
        }
        // Everything that the dropped clients held is freed, including callbacks.
        Patience.until(Duration.ofSeconds(60), () -> {
            System.gc();
            return Callbacks.keptAfter(before) == 0;
        });
    }

    /** Returns the token of a client that is not closed. */
    @SuppressWarnings("resource")
    private String dropped() throws Exception {
        return clients.make().token().accessToken();
    }
}
