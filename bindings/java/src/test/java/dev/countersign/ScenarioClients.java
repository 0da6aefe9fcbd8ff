package dev.countersign;

import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

import com.google.gson.JsonElement;

/** Builds a scenario's clients, all with the same settings and callbacks. */
final class ScenarioClients {
    private static final String PLUGINS = Objects.requireNonNull(
            System.getenv("COUNTERSIGN_PLUGINS"),
            "COUNTERSIGN_PLUGINS is not set: the folder that tests/scenarios/plugins.sh has filled");

    private final Sandbox sandbox;
    private final Members scenario;
    private final TestClock clock;
    private final Map<TokenChange, Integer> heard = new EnumMap<>(TokenChange.class);

    ScenarioClients(Sandbox sandbox, Members scenario, TestClock clock) {
        this.sandbox = sandbox;
        this.scenario = scenario;
        this.clock = clock;
    }

    Client make() throws IOException, GeneralSecurityException {
        ClientBuilder builder = settings();
        if (scenario.isTrue("clock")) {
            builder.clock(clock);
        }
        if (scenario.isTrue("listener")) {
            builder.onChange(this::hear);
        }
        if (!scenario.has("plugin")) {
            return builder.build();
        }
        // Clients keep working without their registry.
        try (Registry registry = new Registry()) {
            registry.loadPlugin(Path.of(filled(scenario.text("plugin"))));
            return builder.registry(registry).build();
        }
    }

    /** Returns how many such changes the listener has received. */
    int heard(TokenChange change) {
        synchronized (heard) {
            return heard.getOrDefault(change, 0);
        }
    }

    String filled(String text) {
        return text.replace("{url}", sandbox.url())
                .replace("{dir}", sandbox.dir().toString())
                .replace("{plugins}", PLUGINS);
    }

    private void hear(TokenChange change, Token token) {
        if ((token == null) != (change == TokenChange.FORGOTTEN)) {
            throw new AssertionError(change + " with " + token);
        }
        synchronized (heard) {
            heard.merge(change, 1, Integer::sum);
        }
    }

    private ClientBuilder settings() throws IOException, GeneralSecurityException {
        String connection = scenario.text("connection");
        Map<String, JsonElement> over =
                scenario.has("settings") ? scenario.object("settings").asMap() : Map.of();
        ClientBuilder builder = sandbox.builder(connection);
        if (scenario.has("signer")) {
            String keyFile = sandbox.settings(connection).get("private_key_file");
            builder.signer("RS256", null, signer(keyFile));
        }
        over.forEach((key, value) -> {
            if (value.isJsonNull()) {
                builder.unset(key);
            } else {
                builder.setting(key, filled(value.getAsString()));
            }
        });
        return builder;
    }

    private Signer signer(String keyFile) throws IOException, GeneralSecurityException {
        if (scenario.element("signer").getAsJsonPrimitive().isString()) {
            if (!scenario.text("signer").equals("fails")) {
                throw new AssertionError("unknown signer " + scenario.text("signer"));
            }
            return input -> {
                throw new GeneralSecurityException("the device is unplugged");
            };
        }
        Key key = Key.read(Path.of(keyFile));
        return input -> key.signBytes(input, "RS256");
    }
}
