package dev.countersign;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * Holds the providers that clients can use: the built-in ones, and those that the program adds. Any
 * number of threads may use a registry. Its clients keep working after it is closed.
 *
 * <pre>{@code
 * try (Registry registry = new Registry()) {
 *     registry.addProfile(Files.readString(Path.of("acme.toml")));
 *     client = Client.builder().registry(registry).setting("provider", "acme").build();
 * }
 * }</pre>
 */
public final class Registry implements AutoCloseable {
    private final Abi abi = Library.abi();
    private final Handle handle;

    /** Creates a registry with the built-in providers. */
    public Registry() {
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            frame.check(abi.csign_registry_new(out, frame.error()));
            handle = new Handle("registry", frame.longAt(out), abi::csign_registry_free);
            handle.ownedBy(this);
        }
    }

    /**
     * Adds a provider that a profile describes.
     *
     * @param toml the profile, in TOML
     * @throws FixConfigurationException if the profile is invalid, naming the line or the field, or
     *     if there already is a provider with this id
     */
    public synchronized void addProfile(String toml) {
        long registry = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            Frame.Text text = frame.put(toml);
            frame.check(
                    abi.csign_registry_add_profile(registry, text.address(), text.length(), frame.error()));
        } finally {
            handle.leave();
        }
    }

    /**
     * Loads a plugin and adds its providers. A plugin is native code that runs with the full rights
     * of the process, and is never unloaded.
     *
     * @param path the plugin's absolute path; no other user may be able to write the file or a
     *     folder above it
     * @throws CountersignException if the file or the plugin is not valid
     */
    public void loadPlugin(Path path) {
        loadPlugin(path, null);
    }

    /**
     * Like {@link #loadPlugin(Path)}, but the file must have this digest.
     *
     * @param path the plugin's absolute path
     * @param sha256 the file's SHA-256 digest, in hex
     * @throws CountersignException if the file or the plugin is not valid
     */
    public synchronized void loadPlugin(Path path, String sha256) {
        long registry = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            Frame.Text file = frame.put(path.toString());
            Frame.Text digest = frame.put(sha256);
            frame.check(abi.csign_registry_load_plugin(
                    registry, file.address(), file.length(), digest.address(), digest.length(), frame.error()));
        } finally {
            handle.leave();
        }
    }

    /**
     * Sets the logger for messages of plugins that are loaded after this call. Without it, and with
     * a logger that logs nothing, the messages are discarded. A loaded plugin keeps the logger until
     * the process ends. This call reads the logger's level once.
     *
     * @param logger the logger
     */
    public synchronized void setLogger(System.Logger logger) {
        LogLevel most = Logging.most(Objects.requireNonNull(logger, "logger"));
        if (most == null) {
            // It replaces an earlier logger, and discards what it gets.
            most = LogLevel.ERROR;
        }
        long registry = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            frame.check(abi.csign_registry_set_log(
                    registry,
                    most.number(),
                    abi.logFunction(),
                    Callbacks.keep(logger),
                    abi.destroyFunction(),
                    frame.error()));
        } finally {
            handle.leave();
        }
    }

    /**
     * Returns the registry's providers.
     *
     * @return an immutable list
     */
    public synchronized List<ProviderInfo> providers() {
        long registry = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            frame.check(abi.csign_registry_providers(registry, out, frame.error()));
            return Json.objects(frame.takeText(frame.longAt(out))).stream()
                    .map(ProviderInfo::of)
                    .toList();
        } finally {
            handle.leave();
        }
    }

    /** Frees the registry. So does the garbage collector. */
    @Override
    public void close() {
        handle.close();
    }

    Handle handle() {
        return handle;
    }
}
