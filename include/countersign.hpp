// libcountersign for C++17: a header-only layer on countersign.h with owners, results and
// std::function.
//
//     auto config = countersign::Config::make({{"provider", "boldsign"},
//                                              {"environment", "us"},
//                                              {"grant", "client-credentials"},
//                                              {"client_id", id},
//                                              {"client_secret", secret},
//                                              {"scopes", "BoldSign.Documents.All"}}).value();
//     auto client = countersign::Client::make(config).value();
//     const auto token = client.token().value();
//     send(token.authorization());
//
// Functions that can fail return a Result. value() throws countersign::Error on failure, error()
// never throws. Without exceptions (-fno-exceptions), value() ends the program on failure, so check
// ok() first.
//
// An owner is one pointer. It can be moved but not copied, and frees its object when it is
// destroyed. A moved-from or default-constructed owner is empty, and its calls fail with
// CSIGN_STATUS_NULL_ARGUMENT. A returned std::string_view is borrowed from its object, is followed
// by a NUL, and is empty if there is no value. So a temporary can't return one:
// `client.token().value().authorization()` doesn't compile. Store the token in a variable first.
//
// Const member functions may run concurrently on the same object. Config and Registry are not
// thread-safe. Callbacks are kept until nothing calls them any more, possibly after their client was
// destroyed, and may be called and destroyed on any thread. A callback that throws counts as failed.
// Error::cause returns what a signer or an Open threw. A callback must not call its client.
//
// countersign.h documents each call, and docs/abi.md the guarantees between releases.

#ifndef COUNTERSIGN_HPP
#define COUNTERSIGN_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "countersign.h"
#include "countersign_abi.hpp"

namespace countersign {

/// Returns a verdict's name, such as "fix_configuration", which is the same in every language.
inline std::string_view name(Verdict verdict) noexcept {
    return ::csign_verdict_name(static_cast<std::int32_t>(verdict));
}

/// Returns a status's name, such as "CONSENT_REQUIRED".
inline std::string_view name(Status status) noexcept {
    return ::csign_status_name(static_cast<std::int32_t>(status));
}

/// Returns the version of the loaded library, such as "0.1.0".
inline std::string_view version() noexcept { return ::csign_version(); }

/// Returns whether the loaded library is compatible with this header.
inline bool abi_matches() noexcept {
    const std::uint32_t running = ::csign_abi_version();
    const std::uint32_t wanted = CSIGN_ABI_VERSION;
    return running >> 16 == wanted >> 16 && (running & 0xFFFFU) >= (wanted & 0xFFFFU);
}

/// The error of a failed call. It contains no secrets. Copies share one object, and copying doesn't
/// throw.
class Error : public std::exception, public ErrorFields<Error> {
  public:
    /// No error, as Result::error returns it on success.
    Error() noexcept = default;

    /// Takes ownership of a C error, which may be NULL.
    Error(Status status, ::csign_error *raw) : status_(status), error_(raw, &::csign_error_free) {}

    Status status() const noexcept { return status_; }

    /// Returns the exception of the program's signer or Open that caused the error, or null.
    std::exception_ptr cause() const noexcept {
        const auto *cause = static_cast<const std::exception_ptr *>(::csign_error_cause(get()));
        return cause != nullptr ? *cause : nullptr;
    }

    /// Returns the message, or the name of the status.
    const char *what() const noexcept override {
        const char *message = ::csign_error_message(get(), nullptr);
        return message != nullptr ? message : ::csign_status_name(static_cast<std::int32_t>(status_));
    }

    /// Returns the C object, borrowed, or NULL.
    const ::csign_error *get() const & noexcept { return error_.get(); }
    const ::csign_error *get() const && = delete;

  private:
    Status status_ = CSIGN_STATUS_OK;
    std::shared_ptr<::csign_error> error_;
};

namespace detail {

[[noreturn]] inline void fail(const Error &error) {
#ifdef __cpp_exceptions
    throw error;
#else
    static_cast<void>(error);
    std::abort();
#endif
}

/// Runs a callback, and returns `otherwise` if it throws.
template <typename Otherwise, typename Function>
Otherwise guarded(Otherwise otherwise, Function &&function) noexcept {
#ifdef __cpp_exceptions
    try {
        return function();
    } catch (...) {
        return otherwise;
    }
#else
    static_cast<void>(otherwise);
    return function();
#endif
}

template <typename Function>
void destroy(void *user_data) noexcept {
    delete static_cast<Function *>(user_data);
}

/// Like guarded, for a callback that a call waits for. Its exception becomes the cause of the
/// call's error.
template <typename Otherwise, typename Function>
Otherwise caused(Otherwise otherwise, Function &&function) noexcept {
#ifdef __cpp_exceptions
    try {
        return function();
    } catch (...) {
        auto *const cause = new (std::nothrow) std::exception_ptr(std::current_exception());
        if (cause != nullptr) ::csign_callback_set_cause(cause, &destroy<std::exception_ptr>);
        return otherwise;
    }
#else
    return guarded(otherwise, std::forward<Function>(function));
#endif
}

/// A deleter that calls the type's C function and takes no space.
template <typename Handle, void (*Free)(Handle *)>
struct Deleter {
    void operator()(Handle *handle) const noexcept { Free(handle); }
};

template <typename Handle, void (*Free)(Handle *)>
using Owner = std::unique_ptr<Handle, Deleter<Handle, Free>>;

}  // namespace detail

/// A call's value or error.
template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : value_(std::move(value)) {}                  // NOLINT: a value is a result
    Result(Error error) noexcept : error_(std::move(error)) {}     // NOLINT: and so is an error

    bool ok() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept { return ok(); }

    /// Returns the value, or throws the Error if the call failed.
    T &value() & { return checked(), *value_; }
    const T &value() const & { return checked(), *value_; }
    /// Returns a new value from a temporary, so that `const auto &token = client.token().value()`
    /// doesn't dangle.
    T value() && { return checked(), std::move(*value_); }
    const T &value() const && = delete;

    /// Returns the error. Its status is CSIGN_STATUS_OK if the call succeeded.
    const Error &error() const & noexcept { return error_; }
    Error error() && noexcept { return std::move(error_); }

  private:
    void checked() const {
        if (!ok()) detail::fail(error_);
    }

    std::optional<T> value_;
    Error error_;
};

/// A call's success or error.
template <>
class [[nodiscard]] Result<void> {
  public:
    Result() noexcept = default;
    Result(Error error) noexcept : error_(std::move(error)) {}     // NOLINT: an error is a result

    bool ok() const noexcept { return error_.status() == CSIGN_STATUS_OK; }
    explicit operator bool() const noexcept { return ok(); }

    /// Throws the Error if the call failed.
    void value() const {
        if (!ok()) detail::fail(error_);
    }

    /// Returns the error. Its status is CSIGN_STATUS_OK if the call succeeded.
    const Error &error() const & noexcept { return error_; }
    Error error() && noexcept { return std::move(error_); }

  private:
    Error error_;
};

namespace detail {

/// Converts a time of the C ABI, where a negative number means unknown.
inline std::optional<std::chrono::system_clock::time_point> time_of(std::int64_t seconds) noexcept {
    if (seconds < 0) return std::nullopt;
    return std::chrono::system_clock::time_point(std::chrono::seconds(seconds));
}

/// Runs a C call without a result.
template <typename Call>
Result<void> run(Call &&call) {
    ::csign_error *error = nullptr;
    const Status status = call(&error);
    if (status != CSIGN_STATUS_OK) return Error(status, error);
    return {};
}

/// Runs a C call that returns a handle, which a Wrapper then owns.
template <typename Wrapper, typename Handle, typename Call>
Result<Wrapper> make(Call &&call) {
    Handle *handle = nullptr;
    ::csign_error *error = nullptr;
    const Status status = call(&handle, &error);
    if (status != CSIGN_STATUS_OK) return Error(status, error);
    return Wrapper(handle);
}

inline std::uint64_t milliseconds(std::chrono::milliseconds duration) noexcept {
    return duration.count() < 0 ? 0 : static_cast<std::uint64_t>(duration.count());
}

}  // namespace detail

/// A string that a call returned. It is wiped when it is destroyed.
class Text {
  public:
    Text() noexcept = default;
    explicit Text(::csign_text *text) noexcept : text_(text) {}

    std::string_view view() const & noexcept {
        std::size_t length = 0;
        const char *start = ::csign_text_value(text_.get(), &length);
        return start == nullptr ? std::string_view() : std::string_view(start, length);
    }
    std::string_view view() const && = delete;
    /// Returns a copy, which is not wiped.
    std::string str() const { return std::string(view()); }

  private:
    detail::Owner<::csign_text, &::csign_text_free> text_;
};

/// The accessors of an owned or borrowed token.
template <typename Self>
class TokenFacts {
  public:
    /// Returns the access token string. It is a secret: don't log it.
    std::string_view value() const & noexcept { return text(&::csign_token_value); }
    std::string_view value() const && = delete;
    /// Returns the value of the HTTP `Authorization` header, nearly always "Bearer ...". It is a
    /// secret.
    std::string_view authorization() const & noexcept { return text(&::csign_token_authorization); }
    std::string_view authorization() const && = delete;
    /// Returns the token type as the vendor sent it, nearly always "Bearer".
    std::string_view type() const & noexcept { return text(&::csign_token_type); }
    std::string_view type() const && = delete;
    /// Returns the granted scopes, separated by spaces. Empty if the vendor doesn't say.
    std::string_view scope() const & noexcept { return text(&::csign_token_scope); }
    std::string_view scope() const && = delete;
    /// Returns when the token expires, if the vendor says so.
    std::optional<std::chrono::system_clock::time_point> expires_at() const noexcept {
        return detail::time_of(::csign_token_expires_at(get()));
    }
    Source source() const noexcept { return static_cast<Source>(::csign_token_source(get())); }
    /// Returns one of the vendor's additional members, such as "instance_url".
    std::string_view extra(std::string_view name) const & noexcept {
        std::size_t length = 0;
        const char *start = ::csign_token_extra(get(), name.data(), name.size(), &length);
        return start == nullptr ? std::string_view() : std::string_view(start, length);
    }
    std::string_view extra(std::string_view name) const && = delete;
    /// Returns the vendor's additional members as a JSON object of strings.
    std::string_view extra_json() const & noexcept { return text(&::csign_token_extra_json); }
    std::string_view extra_json() const && = delete;

  private:
    const ::csign_token *get() const noexcept { return static_cast<const Self *>(this)->get(); }
    std::string_view text(const char *(*field)(const ::csign_token *, std::size_t *)) const noexcept {
        std::size_t length = 0;
        const char *start = field(get(), &length);
        return start == nullptr ? std::string_view() : std::string_view(start, length);
    }
};

/// An access token. It is immutable. Copies share it, and the last one wipes it.
class Token : public TokenFacts<Token> {
  public:
    Token() noexcept = default;
    explicit Token(::csign_token *token) noexcept : token_(token) {}
    /// Returns another owner of the same token.
    Token share() const noexcept { return Token(::csign_token_share(token_.get())); }
    /// Returns whether there is a token.
    explicit operator bool() const noexcept { return token_ != nullptr; }
    /// Returns the C object, borrowed.
    const ::csign_token *get() const & noexcept { return token_.get(); }
    const ::csign_token *get() const && = delete;

  private:
    detail::Owner<::csign_token, &::csign_token_free> token_;
};

/// A token that is borrowed until the listener returns.
class TokenView : public TokenFacts<TokenView> {
  public:
    explicit TokenView(const ::csign_token *token) noexcept : token_(token) {}
    /// Returns an owner of the token, to keep it.
    Token share() const noexcept { return Token(::csign_token_share(token_)); }
    const ::csign_token *get() const noexcept { return token_; }

  private:
    const ::csign_token *token_;
};

/// A time by both clocks.
struct Moment {
    /// Since 1970-01-01 UTC.
    std::chrono::milliseconds unix_time;
    /// Since boot, including sleep. Never decreases.
    std::chrono::milliseconds boot_time;
};

/// Signs with a key that stays in an HSM or a KMS. It receives the message, not its hash, and
/// returns the signature in the format of RFC 7518, or in DER for ECDSA, or nothing if it can't
/// sign. What it throws is the cause of the error. It may be called concurrently, and must not call
/// the client.
using Signer = std::function<std::optional<std::string>(std::string_view input)>;
/// Returns the time, or nothing to use the system's clocks. It may be called concurrently, and must
/// not call the client.
using Clock = std::function<std::optional<Moment>()>;
/// Receives a line of the log, which is valid until it returns. It may be called concurrently, and
/// must not call the client.
using Log = std::function<void(LogLevel level, std::string_view line)>;
/// Called for each change of the token, after the change is stored and before any caller gets the
/// token. The token is NULL for Change::forgotten. It must not call the client.
using Listener = std::function<void(Change change, const TokenView *token)>;
/// Opens or shows the URL of a login. If it returns false, the login fails. What it throws is the
/// cause of the error. It must not call the client.
using Open = std::function<bool(std::string_view url)>;

namespace detail {

inline std::int32_t sign(void *user_data, const std::uint8_t *input, std::size_t input_length, std::uint8_t *signature,
                         std::size_t capacity, std::size_t *written) noexcept {
    return caused<std::int32_t>(1, [&]() -> std::int32_t {
        const auto *bytes = reinterpret_cast<const char *>(input);
        const auto made = (*static_cast<Signer *>(user_data))(std::string_view(bytes, input_length));
        if (!made || made->size() > capacity) return 2;
        std::memcpy(signature, made->data(), made->size());
        *written = made->size();
        return 0;
    });
}

inline std::int32_t tell(void *user_data, std::int64_t *unix_ms, std::uint64_t *boot_ms) noexcept {
    return guarded<std::int32_t>(1, [&]() -> std::int32_t {
        const auto now = (*static_cast<Clock *>(user_data))();
        if (!now) return 2;
        *unix_ms = now->unix_time.count();
        *boot_ms = milliseconds(now->boot_time);
        return 0;
    });
}

inline void take(void *user_data, ::csign_log_level level, const char *line, std::size_t length) noexcept {
    guarded<int>(0, [&] {
        (*static_cast<Log *>(user_data))(static_cast<LogLevel>(level), std::string_view(line, length));
        return 0;
    });
}

inline void hear(void *user_data, ::csign_change change, const ::csign_token *token) noexcept {
    guarded<int>(0, [&] {
        const TokenView lent(token);
        (*static_cast<Listener *>(user_data))(static_cast<Change>(change), token != nullptr ? &lent : nullptr);
        return 0;
    });
}

inline std::int32_t open(void *user_data, const char *url, std::size_t length) noexcept {
    return caused<std::int32_t>(1, [&]() -> std::int32_t {
        return (*static_cast<const Open *>(user_data))(std::string_view(url, length)) ? 0 : 2;
    });
}

/// Passes a callback to the library, which destroys it even if the setter fails.
template <typename Function, typename Trampoline, typename Call>
Result<void> keep(Function function, Trampoline trampoline, Call &&call) {
    Trampoline called = function ? trampoline : nullptr;
    auto *const kept = new Function(std::move(function));
    return run([&](auto **error) { return call(called, kept, &destroy<Function>, error); });
}

}  // namespace detail

/// A private or public key, a certificate, a JWK Set, or a key that stays in a device. It is
/// immutable.
class Key {
  public:
    Key() noexcept = default;
    explicit Key(::csign_key *key) noexcept : key_(key) {}

    /// Reads a key in any supported format. `passphrase` is for encrypted keys.
    static Result<Key> read(std::string_view data, std::string_view passphrase = {}) {
        return detail::make<Key, ::csign_key>([&](auto **out, auto **error) {
            return ::csign_key_read(bytes(data), data.size(), passphrase.data(), passphrase.size(), out, error);
        });
    }
    /// Returns a key for HS256, HS384 and HS512 from a shared secret.
    static Result<Key> from_secret(std::string_view secret) {
        return detail::make<Key, ::csign_key>([&](auto **out, auto **error) {
            return ::csign_key_from_secret(bytes(secret), secret.size(), out, error);
        });
    }
    /// Returns a key that stays in a device and signs with a callback, with an algorithm such as
    /// "ES256".
    static Result<Key> from_signer(std::string_view algorithm, std::string_view key_id, Signer signer) {
        auto *const sign = signer ? &detail::sign : nullptr;
        auto *const kept = new Signer(std::move(signer));
        return detail::make<Key, ::csign_key>([&](auto **out, auto **error) {
            return ::csign_key_from_signer(algorithm.data(), algorithm.size(), key_id.data(), key_id.size(), sign, kept,
                                           &detail::destroy<Signer>, out, error);
        });
    }

    /// Signs claims, a JSON object, and returns a compact JWS (RFC 7515 section 7.1). Empty
    /// arguments mean the key's default algorithm, the key's own `kid`, and no `typ`.
    Result<Text> sign(std::string_view claims_json, std::string_view algorithm = {}, std::string_view key_id = {},
                      std::string_view type = {}) const {
        return detail::make<Text, ::csign_text>([&](auto **out, auto **error) {
            return ::csign_key_sign(key_.get(), algorithm.data(), algorithm.size(), key_id.data(), key_id.size(),
                                    type.data(), type.size(), claims_json.data(), claims_json.size(), out, error);
        });
    }
    /// Signs bytes and returns the signature in the format of RFC 7518 section 3.
    Result<std::string> sign_bytes(std::string_view input, std::string_view algorithm = {}) const {
        std::string signature(1024, '\0');
        std::size_t length = 0;
        auto done = detail::run([&](auto **error) {
            return ::csign_key_sign_bytes(key_.get(), algorithm.data(), algorithm.size(), bytes(input), input.size(),
                                          reinterpret_cast<std::uint8_t *>(&signature[0]), signature.size(), &length,
                                          error);
        });
        if (!done) return done.error();
        signature.resize(length);
        return signature;
    }
    /// Verifies a compact JWS and returns its payload. It uses the given algorithm or, if that is
    /// empty, the key's, but never the token's (RFC 8725). It doesn't check times or the audience.
    Result<Text> verify(std::string_view token, std::string_view algorithm = {}) const {
        return detail::make<Text, ::csign_text>([&](auto **out, auto **error) {
            return ::csign_key_verify(key_.get(), algorithm.data(), algorithm.size(), token.data(), token.size(), out,
                                      error);
        });
    }
    /// Describes the key, as JSON.
    Result<Text> info() const {
        return detail::make<Text, ::csign_text>(
            [&](auto **out, auto **error) { return ::csign_key_info(key_.get(), out, error); });
    }

  private:
    static const std::uint8_t *bytes(std::string_view data) noexcept {
        return reinterpret_cast<const std::uint8_t *>(data.data());
    }
    detail::Owner<::csign_key, &::csign_key_free> key_;
};

/// The providers that clients can use: the built-in ones, and those that the program adds.
class Registry {
  public:
    Registry() noexcept = default;
    explicit Registry(::csign_registry *registry) noexcept : registry_(registry) {}

    /// Creates a registry with the built-in providers.
    static Result<Registry> make() { return detail::make<Registry, ::csign_registry>(&::csign_registry_new); }
    /// Sets a callback for the log messages of plugins that are loaded after this call, up to a
    /// level. A loaded plugin keeps the callback until the process ends.
    Result<void> set_log(LogLevel most, Log log) {
        return detail::keep(std::move(log), &detail::take, [&](auto take, void *kept, auto destroy, auto **error) {
            return ::csign_registry_set_log(registry_.get(), static_cast<std::int32_t>(most), take, kept, destroy,
                                            error);
        });
    }
    /// Adds a provider that a profile in TOML describes. The error names the line or the field.
    Result<void> add_profile(std::string_view toml) {
        return detail::run([&](auto **error) {
            return ::csign_registry_add_profile(registry_.get(), toml.data(), toml.size(), error);
        });
    }
    /// Loads a plugin from its absolute path and adds its providers. A plugin is native code that
    /// runs with the full rights of the process, and is never unloaded. If `sha256` is not empty,
    /// the file must have this digest, in hex.
    Result<void> load_plugin(std::string_view path, std::string_view sha256 = {}) {
        return detail::run([&](auto **error) {
            return ::csign_registry_load_plugin(registry_.get(), path.data(), path.size(), sha256.data(), sha256.size(),
                                                error);
        });
    }
    /// Returns the registry's providers, as a JSON array.
    Result<Text> providers() const {
        return detail::make<Text, ::csign_text>(
            [&](auto **out, auto **error) { return ::csign_registry_providers(registry_.get(), out, error); });
    }
    /// Returns the C object, borrowed.
    const ::csign_registry *get() const & noexcept { return registry_.get(); }
    const ::csign_registry *get() const && = delete;

  private:
    detail::Owner<::csign_registry, &::csign_registry_free> registry_;
};

/// A connection's settings and the program's callbacks.
class Config {
  public:
    using Settings = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    Config() noexcept = default;
    explicit Config(::csign_config *config) noexcept : config_(config) {}

    /// Creates a config with these settings. The keys are the same in every language.
    static Result<Config> make(Settings settings = {}) {
        auto made = detail::make<Config, ::csign_config>(&::csign_config_new);
        for (const auto &[key, value] : settings) {
            if (!made) break;
            auto set = made.value().set(key, value);
            if (!set) return set.error();
        }
        return made;
    }
    /// Loads `[connections.NAME]` of a TOML file. `path` defaults to the file that the countersign
    /// command reads.
    static Result<Config> load(std::string_view name, std::string_view path = {}) {
        auto made = make();
        if (!made) return made;
        auto loaded = detail::run([&](auto **error) {
            return ::csign_config_load(made.value().config_.get(), path.data(), path.size(), name.data(), name.size(),
                                       error);
        });
        if (!loaded) return loaded.error();
        return made;
    }

    /// Sets a setting, or replaces it.
    Result<void> set(std::string_view key, std::string_view value) {
        return detail::run([&](auto **error) {
            return ::csign_config_set(config_.get(), key.data(), key.size(), value.data(), value.size(), error);
        });
    }
    /// Removes a setting, such as private_key if you set a signer. For a secret K, removes K,
    /// K_file and K_env.
    Result<void> unset(std::string_view key) {
        return detail::run(
            [&](auto **error) { return ::csign_config_unset(config_.get(), key.data(), key.size(), error); });
    }
    /// Sets the connection's name. It appears in messages and identifies the connection's tokens in
    /// a store. It is required if the store outlives the process.
    Result<void> set_name(std::string_view name) {
        return detail::run(
            [&](auto **error) { return ::csign_config_set_name(config_.get(), name.data(), name.size(), error); });
    }
    /// Sets a callback that signs assertions instead of the setting private_key, with an algorithm
    /// such as "RS256". If the file has that setting, remove it first: unset("private_key").
    Result<void> set_signer(std::string_view algorithm, std::string_view key_id, Signer signer) {
        return detail::keep(std::move(signer), &detail::sign, [&](auto sign, void *kept, auto destroy, auto **error) {
            return ::csign_config_set_signer(config_.get(), algorithm.data(), algorithm.size(), key_id.data(),
                                             key_id.size(), sign, kept, destroy, error);
        });
    }
    /// Sets a callback for the library's log, up to a level. By default, nothing is logged.
    Result<void> set_log(LogLevel most, Log log) {
        return detail::keep(std::move(log), &detail::take, [&](auto take, void *kept, auto destroy, auto **error) {
            return ::csign_config_set_log(config_.get(), static_cast<std::int32_t>(most), take, kept, destroy, error);
        });
    }
    /// Sets a callback that replaces the system's clocks, for tests.
    Result<void> set_clock(Clock clock) {
        return detail::keep(std::move(clock), &detail::tell, [&](auto tell, void *kept, auto destroy, auto **error) {
            return ::csign_config_set_clock(config_.get(), tell, kept, destroy, error);
        });
    }
    /// Sets a callback for changes of the token.
    Result<void> set_listener(Listener listener) {
        return detail::keep(std::move(listener), &detail::hear, [&](auto hear, void *kept, auto destroy, auto **error) {
            return ::csign_config_set_listener(config_.get(), hear, kept, destroy, error);
        });
    }
    /// Returns the C object, borrowed.
    const ::csign_config *get() const & noexcept { return config_.get(); }
    const ::csign_config *get() const && = delete;

  private:
    detail::Owner<::csign_config, &::csign_config_free> config_;
};

/// Returns all settings, as a JSON array of {"name", "secret", "about"}.
inline Result<Text> settings() { return detail::make<Text, ::csign_text>(&::csign_settings); }

/// A started login (RFC 6749 section 4.1, with PKCE).
class Login {
  public:
    Login() noexcept = default;
    explicit Login(::csign_login *login) noexcept : login_(login) {}

    /// Restores a login that save() saved, in this process or another one.
    static Result<Login> restore(std::string_view saved) {
        return detail::make<Login, ::csign_login>(
            [&](auto **out, auto **error) { return ::csign_login_restore(saved.data(), saved.size(), out, error); });
    }
    /// Returns the URL to redirect the browser to.
    std::string_view url() const & noexcept {
        std::size_t length = 0;
        const char *start = ::csign_login_url(login_.get(), &length);
        return start == nullptr ? std::string_view() : std::string_view(start, length);
    }
    std::string_view url() const && = delete;
    /// Returns the `state` parameter of the URL, which identifies the login that a callback belongs
    /// to.
    std::string_view state() const & noexcept {
        std::size_t length = 0;
        const char *start = ::csign_login_state(login_.get(), &length);
        return start == nullptr ? std::string_view() : std::string_view(start, length);
    }
    std::string_view state() const && = delete;
    /// Returns the login as a string, for a web server whose callback may reach another process.
    /// Keep it in the server-side session: it contains the PKCE verifier.
    Result<Text> save() const {
        return detail::make<Text, ::csign_text>(
            [&](auto **out, auto **error) { return ::csign_login_save(login_.get(), out, error); });
    }
    /// Returns the C object, borrowed.
    const ::csign_login *get() const & noexcept { return login_.get(); }
    const ::csign_login *get() const && = delete;

  private:
    detail::Owner<::csign_login, &::csign_login_free> login_;
};

/// The result of Client::forget.
struct Forgotten {
    Revocation revocation;
    /// Why the vendor did not revoke the token, for Revocation::failed.
    Error reason;
};

/// A client returns a connection's access token and keeps it valid. Any number of threads may use
/// one client. At most one token request is in flight among them and among the processes that share
/// the connection's store.
class Client {
  public:
    Client() noexcept = default;
    explicit Client(::csign_client *client) noexcept : client_(client) {}

    /// Builds a client with the built-in providers. Copies the config, and sends no request.
    static Result<Client> make(const Config &config) { return make(config.get(), nullptr); }
    /// Builds a client with this registry's providers.
    static Result<Client> make(const Config &config, const Registry &registry) {
        return make(config.get(), registry.get());
    }

    /// Returns a token that is valid for at least this long; 0 means the setting min_valid_s. This
    /// is the cached token, the stored one, or a new one from a request that concurrent callers
    /// share.
    Result<Token> token(std::chrono::milliseconds min_valid = {}) const {
        return detail::make<Token, ::csign_token>([&](auto **out, auto **error) {
            return ::csign_client_token(client_.get(), detail::milliseconds(min_valid), out, error);
        });
    }
    /// Like token, but never waits, for threads that must not block. If no such token is cached, it
    /// succeeds with an empty Token. Then call token() on another thread.
    Result<Token> peek(std::chrono::milliseconds min_valid = {}) const {
        return detail::make<Token, ::csign_token>([&](auto **out, auto **error) {
            return ::csign_client_peek(client_.get(), detail::milliseconds(min_valid), out, error);
        });
    }
    /// Copies the access token string to the caller's string, whose memory is reused. This is the
    /// fastest way. The string is not wiped.
    Result<void> copy_token(std::string &into, std::chrono::milliseconds min_valid = {}) const {
        return copy(into, [&](char *buffer, std::size_t capacity, std::size_t *length, ::csign_error **error) {
            return ::csign_client_copy_token(client_.get(), detail::milliseconds(min_valid), buffer, capacity, length,
                                             error);
        });
    }
    /// Like copy_token, but never waits, for threads that must not block. If no fresh token is
    /// cached, it succeeds with an empty string. Then call token() on another thread.
    Result<void> peek_token(std::string &into) const {
        return copy(into, [&](char *buffer, std::size_t capacity, std::size_t *length, ::csign_error **error) {
            return ::csign_client_peek_token(client_.get(), buffer, capacity, length, error);
        });
    }
    /// Returns the access token as a new string.
    Result<std::string> access_token(std::chrono::milliseconds min_valid = {}) const {
        std::string token;
        // Most are shorter: one call is enough.
        token.reserve(1023);
        auto copied = copy_token(token, min_valid);
        if (!copied) return copied.error();
        return token;
    }
    /// Requests a new token now, even if the current one is still valid. If that fails and the
    /// current token is still valid, returns the current one.
    Result<Token> refresh() const {
        return detail::make<Token, ::csign_token>(
            [&](auto **out, auto **error) { return ::csign_client_refresh(client_.get(), out, error); });
    }
    /// Reports an access token that an API rejected with 401. The client doesn't return it again.
    /// If the token has been replaced in the meantime, the newer one stays valid.
    Result<void> invalidate(std::string_view access_token) const {
        return detail::run([&](auto **error) {
            return ::csign_client_invalidate(client_.get(), access_token.data(), access_token.size(), error);
        });
    }
    /// Returns the URL at which a person consents to the app acting for the user. A jwt-bearer
    /// grant needs this consent.
    Result<Text> consent_url() const { return text(&::csign_client_consent_url); }
    /// Returns the user that the token is for and the API's URL, as a JSON object of strings.
    Result<Text> identity() const { return text(&::csign_client_identity); }
    /// Returns the recent history of the connection's grant, oldest first, as a JSON array.
    Result<Text> events() const { return text(&::csign_client_events); }
    /// Revokes the grant at the vendor and deletes its tokens from memory and the store.
    ///
    /// If the vendor can't be reached or rejects the revocation (Revocation::failed), the tokens
    /// stay stored, because otherwise nobody could revoke the grant any more. The client doesn't
    /// return them, and the next call retries the revocation. A login replaces them.
    Result<Forgotten> forget() const { return forget(&::csign_client_forget); }
    /// Like forget(), but deletes the tokens even if the vendor did not revoke the grant.
    Result<Forgotten> force_forget() const { return forget(&::csign_client_force_forget); }
    /// Returns one of the client's counters.
    Result<std::uint64_t> count(Counter counter) const {
        std::uint64_t count = 0;
        auto done = detail::run([&](auto **error) {
            return ::csign_client_count(client_.get(), static_cast<std::int32_t>(counter), &count, error);
        });
        if (!done) return done.error();
        return count;
    }
    /// Returns when the stored refresh token expires, if the vendor says so. A person must log in
    /// again before then, unless a refresh returns a new one. Reads the store.
    Result<std::optional<std::chrono::system_clock::time_point>> refresh_token_expires_at() const {
        std::int64_t seconds = -1;
        auto done = detail::run([&](auto **error) {
            return ::csign_client_refresh_token_expires_at(client_.get(), &seconds, error);
        });
        if (!done) return done.error();
        return detail::time_of(seconds);
    }
    /// Fails with the store's error if the last token could not be stored and is only in memory.
    /// The token isn't lost while the process runs, and each call for a token tries to store it
    /// again.
    Result<void> check_saved() const {
        return detail::run([&](auto **error) { return ::csign_client_check_saved(client_.get(), error); });
    }

    /// Starts a login, for programs with their own web server. Redirect the browser to Login::url,
    /// and pass the URL of its callback to complete_login. `redirect_uri` defaults to the setting.
    Result<Login> start_login(std::string_view redirect_uri = {}) const {
        return detail::make<Login, ::csign_login>([&](auto **out, auto **error) {
            return ::csign_client_start_login(client_.get(), redirect_uri.data(), redirect_uri.size(), out, error);
        });
    }
    /// Completes a login: validates the callback (the URL that the browser was redirected to, or
    /// just its query), exchanges the code once, and stores the tokens.
    Result<Token> complete_login(const Login &login, std::string_view callback) const {
        return detail::make<Token, ::csign_token>([&](auto **out, auto **error) {
            return ::csign_client_complete_login(client_.get(), login.get(), callback.data(), callback.size(), out,
                                                 error);
        });
    }
    /// Runs a complete login on this machine (RFC 8252): starts a loopback server, calls `open`
    /// with the login's URL, and waits for the browser's callback. If `port` is 0, the server uses
    /// the port of the setting redirect_uri, or any.
    Result<Token> login(const Open &open, std::chrono::milliseconds timeout = std::chrono::minutes(5),
                        std::uint16_t port = 0) const {
        auto *const user_data = const_cast<Open *>(&open);
        return detail::make<Token, ::csign_token>([&](auto **out, auto **error) {
            return ::csign_client_login(client_.get(), port, detail::milliseconds(timeout),
                                        open ? &detail::open : nullptr, user_data, out, error);
        });
    }

    /// Waits for requests in flight, and starts no new ones. Call it before the program exits or
    /// the client is destroyed, because the destructor doesn't wait. Afterwards, the client still
    /// returns a cached token; anything else fails with CSIGN_STATUS_BUSY. Fails with
    /// CSIGN_STATUS_BUSY if a request is still in flight after the timeout, and with the store's
    /// error if a new token could not be stored.
    Result<void> drain(std::chrono::milliseconds timeout = std::chrono::seconds(35)) const {
        return detail::run([&](auto **error) {
            return ::csign_client_drain(client_.get(), detail::milliseconds(timeout), error);
        });
    }

    /// Closes the client and wipes its secrets. Other threads may still be using it, but the object
    /// must outlive their calls. Later calls fail with CSIGN_STATUS_CLOSED. Waits for a request
    /// that was sent, for at most 35 s, so that its result is stored. Call it before the program
    /// exits: the destructor doesn't wait.
    ///
    /// Fails with the store's error if a new token could not be stored and is lost.
    Result<void> close() const {
        ::csign_client_close(client_.get());
        auto drained = drain();
        if (drained) return drained;
        switch (drained.error().status()) {
            case CSIGN_STATUS_BUSY:
            case CSIGN_STATUS_FORKED:
            case CSIGN_STATUS_REENTERED: return {};
            default: return drained;
        }
    }

    /// Returns the C object, borrowed.
    const ::csign_client *get() const & noexcept { return client_.get(); }
    const ::csign_client *get() const && = delete;

  private:
    static Result<Client> make(const ::csign_config *config, const ::csign_registry *registry) {
        return detail::make<Client, ::csign_client>(
            [&](auto **out, auto **error) { return ::csign_client_new(config, registry, out, error); });
    }
    /// Lets a C function fill the string, and enlarges the string if necessary.
    template <typename Call>
    static Result<void> copy(std::string &into, Call &&call) {
        for (;;) {
            into.resize(into.capacity());
            std::size_t length = 0;
            ::csign_error *error = nullptr;
            const Status status = call(&into[0], into.size(), &length, &error);
            if (status != CSIGN_STATUS_BUFFER_TOO_SMALL) {
                into.resize(status == CSIGN_STATUS_OK ? length : 0);
                if (status != CSIGN_STATUS_OK) return Error(status, error);
                return {};
            }
            ::csign_error_free(error);
            into.reserve(length);
        }
    }
    Result<Forgotten> forget(::csign_status (*call)(const ::csign_client *, ::csign_revocation *, ::csign_error **,
                                                    ::csign_error **)) const {
        ::csign_revocation revocation = CSIGN_REVOCATION_FAILED;
        ::csign_error *reason = nullptr;
        auto done = detail::run([&](auto **error) { return call(client_.get(), &revocation, &reason, error); });
        if (!done) return done.error();
        Error why = reason == nullptr ? Error() : Error(::csign_error_status(reason), reason);
        return Forgotten{static_cast<Revocation>(revocation), std::move(why)};
    }
    Result<Text> text(::csign_status (*call)(const ::csign_client *, ::csign_text **, ::csign_error **)) const {
        return detail::make<Text, ::csign_text>(
            [&](auto **out, auto **error) { return call(client_.get(), out, error); });
    }

    detail::Owner<::csign_client, &::csign_client_free> client_;
};

static_assert(sizeof(Client) == sizeof(void *) && sizeof(Config) == sizeof(void *) && sizeof(Token) == sizeof(void *) &&
                  sizeof(Key) == sizeof(void *) && sizeof(Registry) == sizeof(void *) &&
                  sizeof(Login) == sizeof(void *) && sizeof(Text) == sizeof(void *),
              "an owner is one pointer");

}  // namespace countersign

#endif  // COUNTERSIGN_HPP
