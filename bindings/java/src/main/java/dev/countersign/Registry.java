package dev.countersign;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The providers that clients may name: the built-in ones, and those that are added here. May be used by any number
 * of threads. Clients made with it go on when it is closed.
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

    /** A registry with the built-in providers. */
    public Registry() {
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            frame.check(abi.csign_registry_new(out, frame.error()));
            handle = new Handle("registry", frame.longAt(out), abi::csign_registry_free);
            handle.ownedBy(this);
        }
    }

    /**
     * Adds a provider that is described as a profile.
     *
     * @param toml the profile's text
     * @throws FixConfigurationException naming line or field, or where there is a provider of the same id
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
     * Loads a plugin and adds its providers. A plugin is native code that runs with all rights of this process: load
     * none that you would not run. It is never unloaded.
     *
     * @param path the plugin's absolute path; the file and its folder must be writable by their owner only
     * @throws CountersignException where the file is not as it must be, or the plugin breaks its contract
     */
    public void loadPlugin(Path path) {
        loadPlugin(path, null);
    }

    /**
     * As {@link #loadPlugin(Path)}, and loads no other file than the one with this digest.
     *
     * @param path the plugin's absolute path
     * @param sha256 the file's SHA-256 in hex
     * @throws CountersignException where the file is not as it must be, or the plugin breaks its contract
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
     * Hands what plugins log to a callback. For plugins that are loaded after this; without it, what they log is
     * dropped. The callback is kept until the process ends, once a plugin was loaded.
     *
     * @param most the last level that is wanted
     * @param log takes the lines
     */
    public synchronized void setLog(LogLevel most, Log log) {
        Objects.requireNonNull(log, "log");
        long registry = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            frame.check(abi.csign_registry_set_log(
                    registry,
                    most.number(),
                    abi.logFunction(),
                    Callbacks.keep(log),
                    abi.destroyFunction(),
                    frame.error()));
        } finally {
            handle.leave();
        }
    }

    /**
     * Which providers there are: each with {@code id}, {@code name}, {@code documentation}, {@code environments},
     * {@code grants} and {@code extra}.
     *
     * @return an immutable list
     */
    public synchronized List<Map<String, Object>> providers() {
        long registry = handle.enter();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            frame.check(abi.csign_registry_providers(registry, out, frame.error()));
            return Json.objects(frame.takeText(frame.longAt(out)));
        } finally {
            handle.leave();
        }
    }

    /** Frees the registry. */
    @Override
    public void close() {
        handle.close();
    }

    Handle handle() {
        return handle;
    }
}
