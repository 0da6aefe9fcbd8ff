package dev.countersign;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Tests all HTTP adapters with the cases in tests/adapters, which all languages run. */
class AdapterTest {
    private final Sandbox sandbox = Sandbox.get();
    private Map<String, ApiServer> servers;
    private Client client;

    @BeforeEach
    void start() throws Exception {
        sandbox.reset();
        servers = Map.of("api", new ApiServer(), "other", new ApiServer());
        client = sandbox.builder("docusign-jwt").setting("store", "memory").build();
    }

    /** Replaces the client by one of a vendor that profiles/ describes. */
    private void use(String provider) {
        client.close();
        client = sandbox.builder("salesforce-cc")
                .setting("store", "memory")
                .setting("provider", provider)
                .unset("environment")
                .build();
    }

    @AfterEach
    void stop() {
        client.close();
        servers.values().forEach(ApiServer::close);
    }

    private static JsonObject shared() throws IOException {
        Path file = Path.of(System.getenv("COUNTERSIGN_SCENARIOS")).resolveSibling("adapters/cases.json");
        return new Gson().fromJson(Files.readString(file), JsonObject.class);
    }

    static Stream<Named> cases() throws IOException {
        List<Named> cases = new ArrayList<>();
        for (JsonElement one : shared().getAsJsonArray("cases")) {
            for (Adapters adapter : Adapters.values()) {
                if (adapter.streams || !one.toString().contains("\"stream\"")) {
                    cases.add(new Named(one.getAsJsonObject(), adapter));
                }
            }
        }
        return cases.stream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void sharedCases(Named named) throws Exception {
        JsonObject given = named.rules();
        if (given.has("provider")) {
            use(text(given, "provider"));
        }
        Adapters.Sender sender = named.adapter().with(client);
        Map<String, String> first = client.token().headers();
        for (JsonElement element : given.getAsJsonArray("responses")) {
            JsonObject response = element.getAsJsonObject();
            ApiServer server = servers.get(response.get("at").getAsString());
            if (response.has("location")) {
                server.redirects(response.get("status").getAsInt(), filled(response.get("location").getAsString()));
            } else {
                server.responds(response.get("status").getAsInt());
            }
        }
        JsonArray statuses = new JsonArray();
        for (JsonElement call : given.getAsJsonArray("calls")) {
            statuses.add(sender.send(request(call.getAsJsonObject())));
        }
        JsonObject expected =
                given.has("not_followed") && !named.adapter().follows ? given.getAsJsonObject("not_followed") : given;
        assertEquals(expected.getAsJsonArray("status"), statuses);
        Map<String, Map<String, String>> tokens =
                Map.of("first", first, "second", client.token().headers(), "none", Map.of());
        List<String> sent = StreamSupport.stream(expected.getAsJsonArray("sent").spliterator(), false)
                .map(JsonElement::getAsJsonObject)
                .map(call -> text(call, "to") + " " + text(call, "path") + " " + text(call, "body") + " "
                        + tokens.get(text(call, "token")))
                .toList();
        assertEquals(sent, received(first.keySet()));
    }

    @ParameterizedTest
    @EnumSource
    void noTokenIsSentInClearText(Adapters adapter) throws Exception {
        Adapters.Sender sender = adapter.with(client);
        for (JsonElement url : shared().getAsJsonObject("clear_text").getAsJsonArray("rejected")) {
            Adapters.Sent request = Adapters.Sent.get(url.getAsString());
            IllegalArgumentException rejected =
                    failure(IllegalArgumentException.class, () -> sender.send(request));
            assertTrue(rejected.getMessage().startsWith("the token is not sent to "), rejected.getMessage());
        }
        assertEquals(0, client.counts().minted());
    }

    @ParameterizedTest
    @EnumSource
    void aLoopbackAddressGetsTheToken(Adapters adapter) throws Exception {
        Adapters.Sender sender = adapter.with(client);
        for (JsonElement url : shared().getAsJsonObject("clear_text").getAsJsonArray("sent")) {
            assertEquals(200, sender.send(Adapters.Sent.get(filled(url.getAsString()))));
        }
        String token = client.token().authorization();
        for (ApiServer.Call call : servers.get("api").calls()) {
            assertEquals(List.of(token), call.authorization());
        }
    }

    @ParameterizedTest
    @EnumSource
    void withoutATokenNothingIsSent(Adapters adapter) {
        try (Client unconsented = sandbox.builder("docusign-jwt-unconsented").build()) {
            Adapters.Sender sender = adapter.with(unconsented);
            Adapters.Sent request = Adapters.Sent.get(servers.get("api").url("/"));
            failure(ReauthorizeException.class, () -> sender.send(request));
        }
        assertEquals(List.of(), servers.get("api").calls());
    }

    /** Returns what a call throws, or the cause of OkHttp's {@code IOException}. */
    private static <T extends Throwable> T failure(Class<T> kind, Executable call) {
        Exception failure = assertThrows(Exception.class, call);
        return assertInstanceOf(kind, failure instanceof IOException ? failure.getCause() : failure);
    }

    private Adapters.Sent request(JsonObject call) {
        return new Adapters.Sent(
                URI.create(filled(text(call, "url"))),
                call.has("body") ? text(call, "body") : null,
                call.has("stream"),
                call.has("authorization") ? text(call, "authorization") : null);
    }

    /** Returns what both servers received, with these headers, in order. */
    private List<String> received(Set<String> names) {
        record Received(long number, String shown) {}
        return servers.entrySet().stream()
                .flatMap(server -> server.getValue().calls().stream()
                        .map(call -> new Received(
                                call.number(),
                                server.getKey() + " " + call.path() + " " + call.body() + " " + carried(call, names))))
                .sorted(Comparator.comparingLong(Received::number))
                .map(Received::shown)
                .toList();
    }

    private static Map<String, String> carried(ApiServer.Call call, Set<String> names) {
        Map<String, String> carried = new LinkedHashMap<>();
        names.stream()
                .filter(call.headers()::containsKey)
                .forEach(name -> carried.put(name, String.join(",", call.headers().get(name))));
        return carried;
    }

    private static String text(JsonObject object, String name) {
        return object.has(name) ? object.get(name).getAsString() : "";
    }

    private String filled(String text) {
        ApiServer api = servers.get("api");
        return text.replace("{api}", api.url(""))
                .replace("{other}", servers.get("other").url(""))
                .replace("{port}", String.valueOf(URI.create(api.url("/")).getPort()));
    }

    /** A case for an adapter. */
    record Named(JsonObject rules, Adapters adapter) {
        @Override
        public String toString() {
            return adapter + ": " + rules.get("name").getAsString();
        }
    }
}
