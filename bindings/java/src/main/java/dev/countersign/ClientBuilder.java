package dev.countersign;

import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/**
 * Builds clients. A builder is not thread-safe. {@link #build()} may be called more than once.
 *
 * <pre>{@code
 * Client client = Client.builder()
 *         .load("docusign-jwt")
 *         .setting("min_valid_s", "300")
 *         .onChange((change, token) -> log.info("token: {}", change))
 *         .build();
 * }</pre>
 *
 * <p>If a callback refers to its client, the garbage collector can't free the client: close it.
 */
public final class ClientBuilder {
    /** In order. A setting without a value is removed. */
    private final List<Setting> settings = new ArrayList<>();
    private String name;
    private boolean loads;
    private Path file;
    private String algorithm;
    private String keyId;
    private Signer signer;
    private InstantSource clock;
    private System.Logger logger = Logging.LOGGER;
    private TokenChangeListener listener;
    private Registry registry;
    private Executor executor;

    ClientBuilder() {}

    /**
     * Sets the connection's name. It appears in messages and identifies the connection's tokens in
     * a store. It is required if the store outlives the process.
     *
     * @param name the name
     * @return this
     */
    public ClientBuilder name(String name) {
        this.name = Objects.requireNonNull(name, "name");
        return this;
    }

    /**
     * Loads a connection's settings from the configuration file: see {@link Client#load(String)}.
     * The builder's own settings override them.
     *
     * @param name the connection's name
     * @return this
     */
    public ClientBuilder load(String name) {
        return load(name, null);
    }

    /**
     * Like {@link #load(String)}, but reads this file.
     *
     * @param name the connection's name
     * @param file the configuration file; null for the default
     * @return this
     */
    public ClientBuilder load(String name, Path file) {
        this.name = Objects.requireNonNull(name, "name");
        this.loads = true;
        this.file = file;
        return this;
    }

    /**
     * Sets a setting. The keys are the same in every language. A secret {@code K} can also be set
     * as {@code K_file} (a path) or {@code K_env} (the name of an environment variable).
     *
     * @param key the key, such as {@code client_id}
     * @param value its value
     * @return this
     */
    public ClientBuilder setting(String key, String value) {
        settings.add(new Setting(Objects.requireNonNull(key, "key"), Objects.requireNonNull(value, key)));
        return this;
    }

    /**
     * Sets the setting {@code provider}.
     *
     * @param id the provider's ID, such as {@code docusign}: see {@link Registry#providers()}
     * @return this
     */
    public ClientBuilder provider(String id) {
        return setting("provider", id);
    }

    /**
     * Sets the setting {@code environment}. Each provider has its own: see
     * {@link ProviderInfo#environments()}.
     *
     * @param environment the environment, such as {@code demo}
     * @return this
     */
    public ClientBuilder environment(String environment) {
        return setting("environment", environment);
    }

    /**
     * Sets the setting {@code grant}.
     *
     * @param grant how a token is requested
     * @return this
     */
    public ClientBuilder grantType(GrantType grant) {
        return setting("grant", grant.word());
    }

    /**
     * Sets the setting {@code client_auth}.
     *
     * @param authentication how the app authenticates
     * @return this
     */
    public ClientBuilder clientAuthentication(ClientAuthentication authentication) {
        return setting("client_auth", authentication.word());
    }

    /**
     * Removes a setting of the file or of this builder, such as {@code private_key} if you use
     * {@link #signer}. For a secret {@code K}, removes {@code K}, {@code K_file} and {@code K_env}.
     *
     * @param key the key, such as {@code private_key}
     * @return this
     */
    public ClientBuilder unset(String key) {
        settings.add(new Setting(Objects.requireNonNull(key, "key"), null));
        return this;
    }

    /**
     * Sets several settings: see {@link #setting}.
     *
     * @param settings values by key
     * @return this
     */
    public ClientBuilder settings(Map<String, String> settings) {
        settings.forEach(this::setting);
        return this;
    }

    /**
     * Sets a callback that signs assertions instead of the setting {@code private_key}. If the file
     * has that setting, remove it with {@link #unset}.
     *
     * @param algorithm a JWS algorithm such as {@code RS256}
     * @param keyId the {@code kid} of assertions; null for none
     * @param signer the callback
     * @return this
     */
    public ClientBuilder signer(String algorithm, String keyId, Signer signer) {
        this.algorithm = Objects.requireNonNull(algorithm, "algorithm");
        this.keyId = keyId;
        this.signer = Objects.requireNonNull(signer, "signer");
        return this;
    }

    /**
     * Sets a clock that replaces the system's, for tests. It is called often, on any thread, and
     * must not call the client. If it throws, the system's clocks are used. If it goes back, a
     * token's remaining validity doesn't grow.
     *
     * @param clock the clock, such as {@link java.time.Clock#offset}
     * @return this
     */
    public ClientBuilder clock(InstantSource clock) {
        this.clock = Objects.requireNonNull(clock, "clock");
        return this;
    }

    /**
     * Sets the logger. Defaults to the {@link System.Logger} {@code dev.countersign}, which also
     * gets the exceptions of listeners and clocks. Requests have the level {@code DEBUG}, and their
     * details {@code TRACE}. {@link #build()} reads the logger's level once. Any thread may
     * call the logger, which must not call the client.
     *
     * @param logger the logger
     * @return this
     */
    public ClientBuilder logger(System.Logger logger) {
        this.logger = Objects.requireNonNull(logger, "logger");
        return this;
    }

    /**
     * Sets a callback for changes of the token.
     *
     * @param listener the callback
     * @return this
     */
    public ClientBuilder onChange(TokenChangeListener listener) {
        this.listener = Objects.requireNonNull(listener, "listener");
        return this;
    }

    /**
     * Sets the registry of providers. Defaults to the built-in providers.
     *
     * @param registry the registry
     * @return this
     */
    public ClientBuilder registry(Registry registry) {
        this.registry = Objects.requireNonNull(registry, "registry");
        return this;
    }

    /**
     * Sets the executor that completes the futures of asynchronous calls, and so runs what depends
     * on them. It also runs the calls that block: closing, draining and building. Defaults to up to
     * 32 daemon threads of this package.
     *
     * @param executor the executor
     * @return this
     */
    public ClientBuilder executor(Executor executor) {
        this.executor = Objects.requireNonNull(executor, "executor");
        return this;
    }

    /**
     * Like {@link #build()}, without blocking this thread. Don't change the builder until the
     * future is complete.
     *
     * @return the client
     */
    public CompletableFuture<Client> buildAsync() {
        return new Waiting(executor).later(() -> build());
    }

    /**
     * Builds a client. Sends no request.
     *
     * @return the client
     * @throws FixConfigurationException if a setting is wrong; names the setting and what to write
     * @throws RetryException if the store can't be reached
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
                        config, abi.clockFunction(), Callbacks.keep(new HostClock(clock)), destroy, frame.error()));
            }
            LogLevel most = Logging.most(logger);
            if (most != null) {
                frame.check(abi.csign_config_set_log(
                        config, most.number(), abi.logFunction(), Callbacks.keep(logger), destroy, frame.error()));
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
            return new Client(abi, frame.longAt(out), new Waiting(executor));
        } finally {
            if (registry != null) {
                registry.handle().leave();
            }
        }
    }

    private record Setting(String key, String value) {
        /** Returns only the key, because the value may be a secret. */
        @Override
        public String toString() {
            return key;
        }
    }
}
