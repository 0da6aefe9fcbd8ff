package dev.countersign;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.stream.Stream;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

/** Tests {@link AuthorizedHttpClient} with the cases in tests/adapters, which all languages run. */
class AdapterTest {
    private final Sandbox sandbox = Sandbox.get();
    private Map<String, ApiServer> servers;
    private Client client;
    private HttpClient http;

    @BeforeEach
    void start() throws Exception {
        sandbox.reset();
        servers = Map.of("api", new ApiServer(), "other", new ApiServer());
        client = sandbox.builder("docusign-jwt").setting("store", "memory").build();
        http = new AuthorizedHttpClient(client, HttpClient.newHttpClient());
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
            cases.add(new Named(one.getAsJsonObject(), true));
            cases.add(new Named(one.getAsJsonObject(), false));
        }
        return cases.stream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void sharedCases(Named named) throws Exception {
        JsonObject given = named.rules();
        String first = client.token().authorization();
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
            HttpRequest request = request(call.getAsJsonObject());
            statuses.add(named.async()
                    ? http.sendAsync(request, BodyHandlers.ofString()).join().statusCode()
                    : http.send(request, BodyHandlers.ofString()).statusCode());
        }
        // Redirects are not followed.
        JsonObject expected = given.has("not_followed") ? given.getAsJsonObject("not_followed") : given;
        assertEquals(expected.getAsJsonArray("status"), statuses);
        String second = client.token().authorization();
        List<String> sent = new ArrayList<>();
        for (JsonElement one : expected.getAsJsonArray("sent")) {
            JsonObject call = one.getAsJsonObject();
            assertEquals("api", call.get("to").getAsString());
            String body = call.has("body") ? call.get("body").getAsString() : "";
            String token = call.get("token").getAsString();
            sent.add(call.get("path").getAsString() + " " + body + " " + (token.equals("first") ? first : second));
        }
        assertEquals(
                sent,
                servers.get("api").calls().stream()
                        .map(call -> call.path() + " " + call.body() + " " + String.join(",", call.authorization()))
                        .toList());
        assertEquals(List.of(), servers.get("other").calls());
    }

    @Test
    void noTokenIsSentInClearText() throws Exception {
        JsonArray urls = shared().getAsJsonObject("clear_text").getAsJsonArray("rejected");
        for (JsonElement url : urls) {
            HttpRequest request =
                    HttpRequest.newBuilder(URI.create(url.getAsString())).build();
            assertThrows(
                    IllegalArgumentException.class, () -> http.send(request, BodyHandlers.discarding()), url.toString());
            assertThrows(
                    CompletionException.class,
                    () -> http.sendAsync(request, BodyHandlers.discarding()).join(),
                    url.toString());
        }
        assertEquals(0, client.counts().minted());
    }

    @Test
    void aLoopbackAddressGetsTheToken() throws Exception {
        for (JsonElement url : shared().getAsJsonObject("clear_text").getAsJsonArray("sent")) {
            HttpRequest request =
                    HttpRequest.newBuilder(URI.create(filled(url.getAsString()))).build();
            assertEquals(200, http.send(request, BodyHandlers.discarding()).statusCode());
        }
    }

    private HttpRequest request(JsonObject call) {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create(filled(call.get("url").getAsString())));
        if (call.has("authorization")) {
            request.header("Authorization", call.get("authorization").getAsString());
        }
        if (call.has("body")) {
            String body = call.get("body").getAsString();
            request.POST(call.has("stream")
                    ? BodyPublishers.ofInputStream(
                            () -> new ByteArrayInputStream(body.getBytes(StandardCharsets.UTF_8)))
                    : BodyPublishers.ofString(body));
        }
        return request.build();
    }

    private String filled(String text) {
        ApiServer api = servers.get("api");
        return text.replace("{api}", api.url(""))
                .replace("{other}", servers.get("other").url(""))
                .replace("{port}", String.valueOf(URI.create(api.url("/")).getPort()));
    }

    /** A case, sent synchronously or asynchronously. */
    record Named(JsonObject rules, boolean async) {
        @Override
        public String toString() {
            return rules.get("name").getAsString() + (async ? ", asynchronously" : "");
        }
    }
}
