package dev.countersign;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

import com.google.gson.JsonArray;
import com.google.gson.JsonParser;

/**
 * The sandbox of a test run, which is stopped when the JVM exits: the package's own, and what only
 * the package's tests use.
 */
final class Sandbox {
    private static Sandbox running;

    private final dev.countersign.testing.Sandbox process;
    private final HttpClient http;

    private Sandbox(dev.countersign.testing.Sandbox process) throws IOException, GeneralSecurityException {
        this.process = process;
        this.http = HttpClient.newBuilder().sslContext(trusting(process.caFile())).build();
    }

    static synchronized Sandbox get() {
        if (running == null) {
            try {
                running = start();
            } catch (IOException | GeneralSecurityException failure) {
                throw new IllegalStateException("cannot start the sandbox", failure);
            }
        }
        return running;
    }

    String url() {
        return process.url();
    }

    Path dir() {
        return connections().getParent();
    }

    Path connections() {
        return process.connections();
    }

    /** Returns an HttpClient that trusts the sandbox and follows no redirects. */
    HttpClient http() {
        return http;
    }

    /** Returns the settings of a connection in the sandbox's file, with the memory store. */
    Map<String, String> settings(String connection) {
        Map<String, String> settings = new LinkedHashMap<>();
        boolean within = false;
        for (String line : lines(connections())) {
            if (line.equals("[connections." + connection + "]")) {
                within = true;
            } else if (within && line.isBlank()) {
                break;
            } else if (within) {
                int equals = line.indexOf(" = ");
                settings.put(
                        line.substring(0, equals),
                        JsonParser.parseString(line.substring(equals + 3)).getAsString());
            }
        }
        if (settings.isEmpty()) {
            throw new IllegalArgumentException("no connection " + connection + " in " + connections());
        }
        settings.put("store", "memory");
        return settings;
    }

    /** Returns a builder for a connection, with the memory store. */
    ClientBuilder builder(String connection) {
        return process.builder(connection);
    }

    void reset() {
        post("/_sandbox/reset", "");
        deleteTree(dir().resolve("kept"));
    }

    void post(String path, String body) {
        HttpResponse<String> response = send(HttpRequest.newBuilder(URI.create(url() + path))
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body))
                .build());
        if (response.statusCode() != 200) {
            throw new AssertionError("POST " + path + ": " + response.statusCode() + " " + response.body());
        }
    }

    /** Returns the token requests that the sandbox has received. */
    JsonArray requests() {
        HttpResponse<String> response =
                send(HttpRequest.newBuilder(URI.create(url() + "/_sandbox/log")).build());
        return JsonParser.parseString(response.body()).getAsJsonArray();
    }

    /** Returns the URL that a login page redirects to. */
    String decideLogin(String loginUrl, String decision) {
        HttpResponse<String> redirect =
                send(HttpRequest.newBuilder(URI.create(loginUrl + "&_sandbox=" + decision)).build());
        return redirect.headers().firstValue("Location").orElseThrow();
    }

    private HttpResponse<String> send(HttpRequest request) {
        try {
            return http.send(request, BodyHandlers.ofString());
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        } catch (InterruptedException interruption) {
            throw new IllegalStateException(interruption);
        }
    }

    private static Sandbox start() throws IOException, GeneralSecurityException {
        if (System.getenv("COUNTERSIGN_SANDBOX") == null) {
            throw new IllegalStateException("COUNTERSIGN_SANDBOX is not set: run the tests with test.sh");
        }
        dev.countersign.testing.Sandbox process = dev.countersign.testing.Sandbox.start();
        Runtime.getRuntime().addShutdownHook(new Thread(process::close));
        addProfiles(process.connections().resolveSibling("profiles"));
        return new Sandbox(process);
    }

    /** Copies the profiles of the scenarios, which the connections beside them can use. */
    private static void addProfiles(Path to) throws IOException {
        Files.createDirectory(to);
        try (Stream<Path> profiles = Files.list(Path.of(System.getenv("COUNTERSIGN_SCENARIOS"), "profiles"))) {
            for (Path profile : profiles.toList()) {
                Files.copy(profile, to.resolve(profile.getFileName()));
            }
        }
    }

    private static SSLContext trusting(Path ca) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        store.setCertificateEntry(
                "sandbox",
                CertificateFactory.getInstance("X.509")
                        .generateCertificate(new ByteArrayInputStream(Files.readAllBytes(ca))));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    static void deleteTree(Path root) {
        if (!Files.exists(root)) {
            return;
        }
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
