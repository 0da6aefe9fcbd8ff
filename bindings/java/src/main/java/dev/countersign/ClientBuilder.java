package dev.countersign;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Executor;

/**
 * Makes clients. For one thread at a time; {@link #build()} may be called again and again.
 *
 * <pre>{@code
 * Client client = Client.builder()
 *         .load("docusign-jwt")
 *         .setting("min_valid_s", "300")
 *         .onChange((change, token) -> log.info("token: {}", change))
 *         .build();
 * }</pre>
 *
 * <p>A callback that refers to its client keeps that client from the garbage collector: close such a client.
 */
public final class ClientBuilder {
    /** In their order; without a value, a setting is taken away. */
    private final List<Setting> settings = new ArrayList<>();
    private String name;
    private boolean loads;
    private Path file;
    private String algorithm;
    private String keyId;
    private Signer signer;
    private Clock clock;
    private LogLevel most;
    private Log log;
    private ChangeListener listener;
    private Registry registry;
    private Executor executor = Workers.pool();

    ClientBuilder() {}

    /**
     * Names the connection: the name is in messages, and tells whose the tokens in a store are. It is needed if the store
     * outlives the process.
     *
     * @param name the name
     * @return this
     */
    public ClientBuilder name(String name) {
        this.name = Objects.requireNonNull(name, "name");
        return this;
    }

    /**
     * Takes a connection's settings from the configuration file; see {@link Client#load(String)}. Settings that are set
     * here go over them.
     *
     * @param name the connection's name
     * @return this
     */
    public ClientBuilder load(String name) {
        return load(name, null);
    }

    /**
     * As {@link #load(String)}, from this file.
     *
     * @param name the connection's name
     * @param file the configuration file; null to have it looked for
     * @return this
     */
    public ClientBuilder load(String name, Path file) {
        this.name = Objects.requireNonNull(name, "name");
        this.loads = true;
        this.file = file;
        return this;
    }

    /**
     * Sets a setting, by the key that is the same in every language. A secret {@code K} may be given as {@code K_file}
     * (a path) or {@code K_env} (a variable's name).
     *
     * @param key such as {@code client_id}
     * @param value its value
     * @return this
     */
    public ClientBuilder setting(String key, String value) {
        settings.add(new Setting(Objects.requireNonNull(key, "key"), Objects.requireNonNull(value, key)));
        return this;
    }

    /**
     * Takes away a setting that the file has, or that was set here before, such as {@code private_key} beside
     * {@link #signer}. The key of a secret {@code K} takes away whichever of {@code K}, {@code K_file} and
     * {@code K_env} was given.
     *
     * @param key such as {@code private_key}
     * @return this
     */
    public ClientBuilder unset(String key) {
        settings.add(new Setting(Objects.requireNonNull(key, "key"), null));
        return this;
    }

    /**
     * Sets several settings; see {@link #setting}.
     *
     * @param settings values by key
     * @return this
     */
    public ClientBuilder settings(Map<String, String> settings) {
        settings.forEach(this::setting);
        return this;
    }

    /**
     * Signs assertions by a callback instead of the setting {@code private_key}. Where the file has one, see
     * {@link #unset}.
     *
     * @param algorithm such as {@code RS256}
     * @param keyId the {@code kid} of assertions; null for none
     * @param signer signs
     * @return this
     */
    public ClientBuilder signer(String algorithm, String keyId, Signer signer) {
        this.algorithm = Objects.requireNonNull(algorithm, "algorithm");
        this.keyId = keyId;
        this.signer = Objects.requireNonNull(signer, "signer");
        return this;
    }

    /**
     * Reads the time from a callback instead of the machine's clocks: for tests.
     *
     * @param clock the clock
     * @return this
     */
    public ClientBuilder clock(Clock clock) {
        this.clock = Objects.requireNonNull(clock, "clock");
        return this;
    }

    /**
     * Hands the library's log to a callback. Without one nothing is logged, but that a listener, a log or a clock has
     * thrown: {@link System.Logger} {@code dev.countersign} hears of that.
     *
     * @param most the last level that is wanted
     * @param log takes the lines
     * @return this
     */
    public ClientBuilder log(LogLevel most, Log log) {
        this.most = Objects.requireNonNull(most, "most");
        this.log = Objects.requireNonNull(log, "log");
        return this;
    }

    /**
     * Hands every change of the token to a callback.
     *
     * @param listener hears of it
     * @return this
     */
    public ClientBuilder onChange(ChangeListener listener) {
        this.listener = Objects.requireNonNull(listener, "listener");
        return this;
    }

    /**
     * Where providers are looked up, instead of among the built-in ones.
     *
     * @param registry the providers
     * @return this
     */
    public ClientBuilder registry(Registry registry) {
        this.registry = Objects.requireNonNull(registry, "registry");
        return this;
    }

    /**
     * Where {@link Client#tokenAsync()} waits for its token, instead of up to 32 daemon threads of this package.
     *
     * @param executor its tasks block
     * @return this
     */
    public ClientBuilder executor(Executor executor) {
        this.executor = Objects.requireNonNull(executor, "executor");
        return this;
    }

    /**
     * Makes a client. Nothing is sent yet.
     *
     * @return the client
     * @throws FixConfigurationException naming the setting and what to write
     * @throws RetryException where the store cannot be reached
     */
    public Client build() {
        Abi abi = Library.abi();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            frame.check(abi.csign_config_new(out, frame.error()));
            long config = frame.longAt(out);
            try {
                configure(abi, config);
                callBack(abi, config);
                return make(abi, config);
            } finally {
                abi.csign_config_free(config);
            }
        }
    }

    private void configure(Abi abi, long config) {
        try (Frame frame = Frame.open(abi)) {
            if (name != null) {
                Frame.Text connection = frame.put(name);
                Frame.Text path = frame.put(file == null ? null : file.toString());
                frame.check(loads
                        ? abi.csign_config_load(
                                config,
                                path.address(),
                                path.length(),
                                connection.address(),
                                connection.length(),
                                frame.error())
                        : abi.csign_config_set_name(
                                config, connection.address(), connection.length(), frame.error()));
            }
        }
        for (Setting setting : settings) {
            try (Frame frame = Frame.open(abi)) {
                Frame.Text key = frame.put(setting.key());
                if (setting.value() == null) {
                    frame.check(abi.csign_config_unset(config, key.address(), key.length(), frame.error()));
                    continue;
                }
                Frame.Text text = frame.put(setting.value());
                frame.check(abi.csign_config_set(
                        config, key.address(), key.length(), text.address(), text.length(), frame.error()));
            }
        }
    }

    private void callBack(Abi abi, long config) {
        long destroy = abi.destroyFunction();
        try (Frame frame = Frame.open(abi)) {
            if (signer != null) {
                Frame.Text name = frame.put(algorithm);
                Frame.Text id = frame.put(keyId);
                frame.check(abi.csign_config_set_signer(
                        config,
                        name.address(),
                        name.length(),
                        id.address(),
                        id.length(),
                        abi.signFunction(),
                        Callbacks.keep(signer),
                        destroy,
                        frame.error()));
            }
            if (clock != null) {
                frame.check(abi.csign_config_set_clock(
                        config, abi.clockFunction(), Callbacks.keep(clock), destroy, frame.error()));
            }
            if (log != null) {
                frame.check(abi.csign_config_set_log(
                        config, most.number(), abi.logFunction(), Callbacks.keep(log), destroy, frame.error()));
            }
            if (listener != null) {
                frame.check(abi.csign_config_set_listener(
                        config, abi.changeFunction(), Callbacks.keep(listener), destroy, frame.error()));
            }
        }
    }

    private Client make(Abi abi, long config) {
        long providers = registry == null ? 0 : registry.handle().enter();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            frame.check(abi.csign_client_new(config, providers, out, frame.error()));
            return new Client(abi, frame.longAt(out), executor);
        } finally {
            if (registry != null) {
                registry.handle().leave();
            }
        }
    }

    private record Setting(String key, String value) {
        /** The value may be a secret. */
        @Override
        public String toString() {
            return key;
        }
    }
}
