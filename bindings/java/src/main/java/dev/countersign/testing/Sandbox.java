package dev.countersign.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import dev.countersign.Client;
import dev.countersign.ClientBuilder;

/**
 * A running {@code countersign-sandbox}, the strict local emulator of the vendors' servers. It has a
 * working connection for each vendor and grant type, such as {@code docusign-jwt}.
 *
 * <pre>{@code
 * try (Sandbox sandbox = Sandbox.start(); Client client = sandbox.client("docusign-jwt")) {
 *     assertEquals("Bearer", client.token().tokenType());
 * }
 * }</pre>
 *
 * <p>JUnit 5 starts and stops one for a test class that is extended with {@link SandboxExtension}.
 */
public final class Sandbox implements AutoCloseable {
    /** The environment variable with the program's path. */
    private static final String PROGRAM = "COUNTERSIGN_SANDBOX";

    private final Process process;
    private final Path folder;
    private final String ready;

    private Sandbox(Process process, Path folder, String ready) {
        this.process = process;
        this.folder = folder;
        this.ready = ready;
    }

    /**
     * Starts a sandbox: the program that the environment variable {@code COUNTERSIGN_SANDBOX} names,
     * or {@code countersign-sandbox} in the {@code PATH}.
     *
     * @return the sandbox, which has started
     * @throws UncheckedIOException if the program can't be started
     */
    public static Sandbox start() {
        String named = System.getenv(PROGRAM);
        String program = named == null || named.isEmpty() ? "countersign-sandbox" : named;
        try {
            Path folder = Files.createTempDirectory("countersign-sandbox");
            Process process = new ProcessBuilder(program, "--tls", "--dir", folder.toString())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            BufferedReader output =
                    new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
            String ready = output.readLine();
            if (ready == null) {
                throw new IOException(program + " ended before it was ready");
            }
            return new Sandbox(process, folder, ready);
        } catch (IOException failure) {
            throw new UncheckedIOException("cannot start " + program + " (set " + PROGRAM + " to its path)", failure);
        }
    }

    /**
     * Returns the sandbox's URL.
     *
     * @return the URL, without a path
     */
    public String url() {
        return member("url");
    }

    /**
     * Returns the configuration file with the connections.
     *
     * @return the file
     */
    public Path connections() {
        return Path.of(member("connections"));
    }

    /**
     * Returns the certificate of the authority that issued the sandbox's own.
     *
     * @return a PEM file
     */
    public Path caFile() {
        return Path.of(member("ca_file"));
    }

    /**
     * Builds a client for a connection, with a store in memory.
     *
     * @param connection the connection's name, such as {@code docusign-jwt}
     * @return the client, which the caller closes
     */
    public Client client(String connection) {
        return builder(connection).build();
    }

    /**
     * Returns a builder for a connection, with a store in memory.
     *
     * @param connection the connection's name, such as {@code docusign-jwt}
     * @return the builder
     */
    public ClientBuilder builder(String connection) {
        return Client.builder().load(connection, connections()).setting("store", "memory");
    }

    /** Stops the sandbox and deletes its folder. May be called more than once. */
    @Override
    public void close() {
        process.destroy();
        process.onExit().join();
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private String member(String name) {
        Matcher found = Pattern.compile("\"" + name + "\": *\"([^\"]*)\"").matcher(ready);
        if (!found.find()) {
            throw new IllegalStateException("the sandbox printed no " + name + ": " + ready);
        }
        return found.group(1);
    }
}
