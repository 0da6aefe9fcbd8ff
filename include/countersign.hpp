// libcountersign for C++17: countersign.h with owners, results and std::function. Headers only.
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
// What can fail returns a Result: value() throws countersign::Error where it failed, error() never throws. Without
// exceptions (-fno-exceptions) value() ends the program where it failed, so ask ok() first.
//
// Each owner is one pointer, can be moved and not copied, and frees when it ends; one that was moved from, or made by
// default, holds nothing, and its calls give CSIGN_STATUS_NULL_ARGUMENT. A std::string_view that comes out is borrowed from the object
// that gave it, is followed by a NUL, and is empty where there is nothing. So it cannot be had from a temporary:
// `client.token().value().authorization()` does not compile; name the token first.
//
// A const member function may run concurrently with others on the same object; Config and Registry are for one
// thread at a time. Callbacks are kept until nothing calls them any more, which may be after their client's end, and
// may be called and destroyed on any thread. What a callback throws does not leave it: it counts as "cannot", and
// Error::cause has what a signer or an Open threw. A callback must not call the client that calls it.
//
// countersign.h has the details of each call, and docs/abi.md what is promised from one release to the next.

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

/// A verdict as the word of every language, such as "fix_configuration".
inline std::string_view name(Verdict verdict) noexcept {
    return ::csign_verdict_name(static_cast<std::int32_t>(verdict));
}

/// A status as a word, such as "CONSENT_REQUIRED".
inline std::string_view name(Status status) noexcept {
    return ::csign_status_name(static_cast<std::int32_t>(status));
}

/// The release of the library that is running, such as "0.1.0".
inline std::string_view version() noexcept { return ::csign_version(); }

/// Whether the library that is running has the ABI that this header was made for.
inline bool abi_matches() noexcept {
    const std::uint32_t running = ::csign_abi_version();
    const std::uint32_t wanted = CSIGN_ABI_VERSION;
    return running >> 16 == wanted >> 16 && (running & 0xFFFFU) >= (wanted & 0xFFFFU);
}

/// Why a call failed. No secret is in it. Copies share one object, and copying does not throw.
class Error : public std::exception, public ErrorFields<Error> {
  public:
    /// No error: what Result::error gives where all went well.
    Error() noexcept = default;

    /// Takes over an error of the C functions; `raw` may be NULL.
    Error(Status status, ::csign_error *raw) : status_(status), error_(raw, &::csign_error_free) {}

    Status status() const noexcept { return status_; }

    /// What a signer or an Open of the program threw, if that caused the error; else null.
    std::exception_ptr cause() const noexcept {
        const auto *cause = static_cast<const std::exception_ptr *>(::csign_error_cause(get()));
        return cause != nullptr ? *cause : nullptr;
    }

    /// The message, or the status as a word.
    const char *what() const noexcept override {
        const char *message = ::csign_error_message(get(), nullptr);
        return message != nullptr ? message : ::csign_status_name(static_cast<std::int32_t>(status_));
    }

    /// The C object, borrowed; may be NULL.
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

/// Runs what the host brings; what it throws becomes `otherwise`.
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

/// As guarded, for what a call waits for: what it throws becomes the cause of the call's error.
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

/// Frees with the function of the type; as large as nothing.
template <typename Handle, void (*Free)(Handle *)>
struct Deleter {
    void operator()(Handle *handle) const noexcept { Free(handle); }
};

template <typename Handle, void (*Free)(Handle *)>
using Owner = std::unique_ptr<Handle, Deleter<Handle, Free>>;

}  // namespace detail

/// What a call gives, or why it failed.
template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : value_(std::move(value)) {}                  // NOLINT: a value is a result
    Result(Error error) noexcept : error_(std::move(error)) {}     // NOLINT: and so is an error

    bool ok() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept { return ok(); }

    /// The value; throws the Error where the call failed.
    T &value() & { return checked(), *value_; }
    const T &value() const & { return checked(), *value_; }
    /// Of a temporary, a value of its own: `const auto &token = client.token().value()` does not dangle.
    T value() && { return checked(), std::move(*value_); }
    const T &value() const && = delete;

    /// Why the call failed; its status is CSIGN_STATUS_OK where it did not.
    const Error &error() const & noexcept { return error_; }
    Error error() && noexcept { return std::move(error_); }

  private:
    void checked() const {
        if (!ok()) detail::fail(error_);
    }

    std::optional<T> value_;
    Error error_;
};

/// Whether a call went well, or why it failed.
template <>
class [[nodiscard]] Result<void> {
  public:
    Result() noexcept = default;
    Result(Error error) noexcept : error_(std::move(error)) {}     // NOLINT: an error is a result

    bool ok() const noexcept { return error_.status() == CSIGN_STATUS_OK; }
    explicit operator bool() const noexcept { return ok(); }

    /// Throws the Error where the call failed.
    void value() const {
        if (!ok()) detail::fail(error_);
    }

    /// Why the call failed; its status is CSIGN_STATUS_OK where it did not.
    const Error &error() const & noexcept { return error_; }
    Error error() && noexcept { return std::move(error_); }

  private:
    Error error_;
};

namespace detail {

/// A time of the C ABI; negative is unknown.
inline std::optional<std::chrono::system_clock::time_point> time_of(std::int64_t seconds) noexcept {
    if (seconds < 0) return std::nullopt;
    return std::chrono::system_clock::time_point(std::chrono::seconds(seconds));
}

/// A C call that gives nothing.
template <typename Call>
Result<void> run(Call &&call) {
    ::csign_error *error = nullptr;
    const Status status = call(&error);
    if (status != CSIGN_STATUS_OK) return Error(status, error);
    return {};
}

/// A C call that gives a handle, which a Wrapper then owns.
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

/// Text that a call gave out; wiped when it ends.
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
    /// A copy, which is not wiped.
    std::string str() const { return std::string(view()); }

  private:
    detail::Owner<::csign_text, &::csign_text_free> text_;
};

/// What a token says, whether it is owned or borrowed.
template <typename Self>
class TokenFacts {
  public:
    /// The bare access token. A secret: do not log it.
    std::string_view value() const & noexcept { return text(&::csign_token_value); }
    std::string_view value() const && = delete;
    /// The value for an HTTP `Authorization` header, nearly always "Bearer ...". A secret.
    std::string_view authorization() const & noexcept { return text(&::csign_token_authorization); }
    std::string_view authorization() const && = delete;
    /// How it is presented, nearly always "Bearer".
    std::string_view type() const & noexcept { return text(&::csign_token_type); }
    std::string_view type() const && = delete;
    /// The scopes granted, separated by spaces.
    std::string_view scope() const & noexcept { return text(&::csign_token_scope); }
    std::string_view scope() const && = delete;
    /// When it ends, where the vendor says so.
    std::optional<std::chrono::system_clock::time_point> expires_at() const noexcept {
        return detail::time_of(::csign_token_expires_at(get()));
    }
    Source source() const noexcept { return static_cast<Source>(::csign_token_source(get())); }
    /// What the vendor adds, by name, such as "instance_url".
    std::string_view extra(std::string_view name) const & noexcept {
        std::size_t length = 0;
        const char *start = ::csign_token_extra(get(), name.data(), name.size(), &length);
        return start == nullptr ? std::string_view() : std::string_view(start, length);
    }
    std::string_view extra(std::string_view name) const && = delete;
    /// All that the vendor adds, as a JSON object of texts.
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

/// An access token. It stays what it is when the client gets another; the last owner wipes it.
class Token : public TokenFacts<Token> {
  public:
    Token() noexcept = default;
    explicit Token(::csign_token *token) noexcept : token_(token) {}
    /// Another owner of the same token.
    Token share() const noexcept { return Token(::csign_token_share(token_.get())); }
    /// Whether there is a token.
    explicit operator bool() const noexcept { return token_ != nullptr; }
    /// The C object, borrowed.
    const ::csign_token *get() const & noexcept { return token_.get(); }
    const ::csign_token *get() const && = delete;

  private:
    detail::Owner<::csign_token, &::csign_token_free> token_;
};

/// A token that a listener is lent until it returns.
class TokenView : public TokenFacts<TokenView> {
  public:
    explicit TokenView(const ::csign_token *token) noexcept : token_(token) {}
    /// An owner of the token, for who keeps it.
    Token share() const noexcept { return Token(::csign_token_share(token_)); }
    const ::csign_token *get() const noexcept { return token_; }

  private:
    const ::csign_token *token_;
};

/// An instant on both clocks.
struct Moment {
    /// Since 1970-01-01 UTC.
    std::chrono::milliseconds unix_time;
    /// Since the machine started, sleep included; never goes back.
    std::chrono::milliseconds boot_time;
};

/// Signs bytes with a key that the library does not see: gives the signature as RFC 7518 has it, or ECDSA in DER;
/// nothing where it cannot. What it throws is the cause of the error. May be called concurrently.
using Signer = std::function<std::optional<std::string>(std::string_view input)>;
/// Tells the time; nothing where it cannot, and then the machine's clocks are used. May be called concurrently.
using Clock = std::function<std::optional<Moment>()>;
/// Takes a line of the log, borrowed until it returns. May be called concurrently.
using Log = std::function<void(LogLevel level, std::string_view line)>;
/// Hears of a change before any caller gets the token; NULL with Change::forgotten.
using Listener = std::function<void(Change change, const TokenView *token)>;
/// Opens or shows a URL; false where it cannot, and then the login ends. What it throws is the cause of the error.
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

/// Gives a callback to the library, which destroys it whether or not the setter takes it.
template <typename Function, typename Trampoline, typename Call>
Result<void> keep(Function function, Trampoline trampoline, Call &&call) {
    Trampoline called = function ? trampoline : nullptr;
    auto *const kept = new Function(std::move(function));
    return run([&](auto **error) { return call(called, kept, &destroy<Function>, error); });
}

}  // namespace detail

/// A key: private, public, a certificate, a JWK Set, or one that stays in a device.
class Key {
  public:
    Key() noexcept = default;
    explicit Key(::csign_key *key) noexcept : key_(key) {}

    /// Reads a key file's bytes, whatever the format; `passphrase` is of an encrypted one.
    static Result<Key> read(std::string_view data, std::string_view passphrase = {}) {
        return detail::make<Key, ::csign_key>([&](auto **out, auto **error) {
            return ::csign_key_read(bytes(data), data.size(), passphrase.data(), passphrase.size(), out, error);
        });
    }
    /// A shared secret for HS256, HS384 and HS512.
    static Result<Key> from_secret(std::string_view secret) {
        return detail::make<Key, ::csign_key>([&](auto **out, auto **error) {
            return ::csign_key_from_secret(bytes(secret), secret.size(), out, error);
        });
    }
    /// A key that stays in a device and signs by a callback, with an algorithm such as "ES256".
    static Result<Key> from_signer(std::string_view algorithm, std::string_view key_id, Signer signer) {
        auto *const sign = signer ? &detail::sign : nullptr;
        auto *const kept = new Signer(std::move(signer));
        return detail::make<Key, ::csign_key>([&](auto **out, auto **error) {
            return ::csign_key_from_signer(algorithm.data(), algorithm.size(), key_id.data(), key_id.size(), sign, kept,
                                           &detail::destroy<Signer>, out, error);
        });
    }

    /// Signs a JSON object as a compact JWS (RFC 7515 section 7.1). Empty: the key's usual algorithm, the `kid` that
    /// came with it, no `typ`.
    Result<Text> sign(std::string_view claims_json, std::string_view algorithm = {}, std::string_view key_id = {},
                      std::string_view type = {}) const {
        return detail::make<Text, ::csign_text>([&](auto **out, auto **error) {
            return ::csign_key_sign(key_.get(), algorithm.data(), algorithm.size(), key_id.data(), key_id.size(),
                                    type.data(), type.size(), claims_json.data(), claims_json.size(), out, error);
        });
    }
    /// Signs bytes as they are: the signature alone.
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
    /// Verifies a compact JWS and gives its payload. Times and audience are not looked at.
    Result<Text> verify(std::string_view token, std::string_view algorithm = {}) const {
        return detail::make<Text, ::csign_text>([&](auto **out, auto **error) {
            return ::csign_key_verify(key_.get(), algorithm.data(), algorithm.size(), token.data(), token.size(), out,
                                      error);
        });
    }
    /// What the key is, without the key, as JSON.
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

/// The providers that clients may name: the built-in ones and those that are added.
class Registry {
  public:
    Registry() noexcept = default;
    explicit Registry(::csign_registry *registry) noexcept : registry_(registry) {}

    /// The built-in providers.
    static Result<Registry> make() { return detail::make<Registry, ::csign_registry>(&::csign_registry_new); }
    /// Hands what plugins log to a callback, up to a level; for plugins loaded after this. Once one was loaded, the
    /// callback is kept until the process ends.
    Result<void> set_log(LogLevel most, Log log) {
        return detail::keep(std::move(log), &detail::take, [&](auto take, void *kept, auto destroy, auto **error) {
            return ::csign_registry_set_log(registry_.get(), static_cast<std::int32_t>(most), take, kept, destroy,
                                            error);
        });
    }
    /// Adds a provider that is described as a profile, in TOML.
    Result<void> add_profile(std::string_view toml) {
        return detail::run([&](auto **error) {
            return ::csign_registry_add_profile(registry_.get(), toml.data(), toml.size(), error);
        });
    }
    /// Loads a plugin by its absolute path and adds its providers. A plugin runs with all rights of this process; with
    /// `sha256` (hex) no other file is loaded.
    Result<void> load_plugin(std::string_view path, std::string_view sha256 = {}) {
        return detail::run([&](auto **error) {
            return ::csign_registry_load_plugin(registry_.get(), path.data(), path.size(), sha256.data(), sha256.size(),
                                                error);
        });
    }
    /// Which providers there are, as a JSON array.
    Result<Text> providers() const {
        return detail::make<Text, ::csign_text>(
            [&](auto **out, auto **error) { return ::csign_registry_providers(registry_.get(), out, error); });
    }
    /// The C object, borrowed.
    const ::csign_registry *get() const & noexcept { return registry_.get(); }
    const ::csign_registry *get() const && = delete;

  private:
    detail::Owner<::csign_registry, &::csign_registry_free> registry_;
};

/// The settings of a connection and what the host brings of its own.
class Config {
  public:
    using Settings = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    Config() noexcept = default;
    explicit Config(::csign_config *config) noexcept : config_(config) {}

    /// A config with these settings, by the keys that are the same in every language.
    static Result<Config> make(Settings settings = {}) {
        auto made = detail::make<Config, ::csign_config>(&::csign_config_new);
        for (const auto &[key, value] : settings) {
            if (!made) break;
            auto set = made.value().set(key, value);
            if (!set) return set.error();
        }
        return made;
    }
    /// `[connections.NAME]` of a TOML file; without `path`, of the file that the command would find.
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

    /// Sets one setting; again replaces it.
    Result<void> set(std::string_view key, std::string_view value) {
        return detail::run([&](auto **error) {
            return ::csign_config_set(config_.get(), key.data(), key.size(), value.data(), value.size(), error);
        });
    }
    /// Takes one setting away, such as one that the file has and that is brought otherwise. The name of a secret K takes
    /// away whichever of K, K_file and K_env was given.
    Result<void> unset(std::string_view key) {
        return detail::run(
            [&](auto **error) { return ::csign_config_unset(config_.get(), key.data(), key.size(), error); });
    }
    /// Names the connection: in messages and in the store. Needed if the store outlives the process.
    Result<void> set_name(std::string_view name) {
        return detail::run(
            [&](auto **error) { return ::csign_config_set_name(config_.get(), name.data(), name.size(), error); });
    }
    /// Signs by a callback instead of the setting private_key, with an algorithm such as "RS256". A key that the file
    /// has is taken away first: unset("private_key").
    Result<void> set_signer(std::string_view algorithm, std::string_view key_id, Signer signer) {
        return detail::keep(std::move(signer), &detail::sign, [&](auto sign, void *kept, auto destroy, auto **error) {
            return ::csign_config_set_signer(config_.get(), algorithm.data(), algorithm.size(), key_id.data(),
                                             key_id.size(), sign, kept, destroy, error);
        });
    }
    /// Hands the log's lines to a callback, up to a level. Without one nothing is logged anywhere.
    Result<void> set_log(LogLevel most, Log log) {
        return detail::keep(std::move(log), &detail::take, [&](auto take, void *kept, auto destroy, auto **error) {
            return ::csign_config_set_log(config_.get(), static_cast<std::int32_t>(most), take, kept, destroy, error);
        });
    }
    /// Reads the time from a callback: for tests.
    Result<void> set_clock(Clock clock) {
        return detail::keep(std::move(clock), &detail::tell, [&](auto tell, void *kept, auto destroy, auto **error) {
            return ::csign_config_set_clock(config_.get(), tell, kept, destroy, error);
        });
    }
    /// Hands every change of the token to a callback.
    Result<void> set_listener(Listener listener) {
        return detail::keep(std::move(listener), &detail::hear, [&](auto hear, void *kept, auto destroy, auto **error) {
            return ::csign_config_set_listener(config_.get(), hear, kept, destroy, error);
        });
    }
    /// The C object, borrowed.
    const ::csign_config *get() const & noexcept { return config_.get(); }
    const ::csign_config *get() const && = delete;

  private:
    detail::Owner<::csign_config, &::csign_config_free> config_;
};

/// Every setting there is, as a JSON array of {"name", "secret", "about"}.
inline Result<Text> settings() { return detail::make<Text, ::csign_text>(&::csign_settings); }

/// A login that has begun.
class Login {
  public:
    Login() noexcept = default;
    explicit Login(::csign_login *login) noexcept : login_(login) {}

    /// A login that save() turned into text, here or in another process.
    static Result<Login> restore(std::string_view saved) {
        return detail::make<Login, ::csign_login>(
            [&](auto **out, auto **error) { return ::csign_login_restore(saved.data(), saved.size(), out, error); });
    }
    /// Where to send the browser.
    std::string_view url() const & noexcept {
        std::size_t length = 0;
        const char *start = ::csign_login_url(login_.get(), &length);
        return start == nullptr ? std::string_view() : std::string_view(start, length);
    }
    std::string_view url() const && = delete;
    /// The `state` parameter of the URL: tells which of several logins a callback belongs to.
    std::string_view state() const & noexcept {
        std::size_t length = 0;
        const char *start = ::csign_login_state(login_.get(), &length);
        return start == nullptr ? std::string_view() : std::string_view(start, length);
    }
    std::string_view state() const && = delete;
    /// The login as text, for a web server whose next request may reach another process. It holds a secret.
    Result<Text> save() const {
        return detail::make<Text, ::csign_text>(
            [&](auto **out, auto **error) { return ::csign_login_save(login_.get(), out, error); });
    }
    /// The C object, borrowed.
    const ::csign_login *get() const & noexcept { return login_.get(); }
    const ::csign_login *get() const && = delete;

  private:
    detail::Owner<::csign_login, &::csign_login_free> login_;
};

/// What became of a forgotten connection's token.
struct Forgotten {
    Revocation revocation;
    /// Why, with Revocation::failed.
    Error reason;
};

/// A connection's client: hands out its token and keeps it valid. Any number of threads may use it at once.
class Client {
  public:
    Client() noexcept = default;
    explicit Client(::csign_client *client) noexcept : client_(client) {}

    /// A client of the built-in providers. The config is copied. Nothing is sent yet.
    static Result<Client> make(const Config &config) { return make(config.get(), nullptr); }
    /// A client of this registry's providers.
    static Result<Client> make(const Config &config, const Registry &registry) {
        return make(config.get(), registry.get());
    }

    /// A token that is valid for at least this long; 0 for the setting min_valid_s. From memory, the store, or by one
    /// request that all callers share.
    Result<Token> token(std::chrono::milliseconds min_valid = {}) const {
        return detail::make<Token, ::csign_token>([&](auto **out, auto **error) {
            return ::csign_client_token(client_.get(), detail::milliseconds(min_valid), out, error);
        });
    }
    /// As token, but never waits: for a thread that must not block. Where no such token is in memory, it succeeds with a
    /// Token that is empty: then have another thread call token().
    Result<Token> peek(std::chrono::milliseconds min_valid = {}) const {
        return detail::make<Token, ::csign_token>([&](auto **out, auto **error) {
            return ::csign_client_peek(client_.get(), detail::milliseconds(min_valid), out, error);
        });
    }
    /// The bare access token in a string of the caller's, whose room is used again: the quickest way. The string is not
    /// wiped.
    Result<void> copy_token(std::string &into, std::chrono::milliseconds min_valid = {}) const {
        return copy(into, [&](char *buffer, std::size_t capacity, std::size_t *length, ::csign_error **error) {
            return ::csign_client_copy_token(client_.get(), detail::milliseconds(min_valid), buffer, capacity, length,
                                             error);
        });
    }
    /// As copy_token, but never waits: for a thread that must not block. Where no token in memory is fresh, it succeeds
    /// with an empty string: then have another thread call token().
    Result<void> peek_token(std::string &into) const {
        return copy(into, [&](char *buffer, std::size_t capacity, std::size_t *length, ::csign_error **error) {
            return ::csign_client_peek_token(client_.get(), buffer, capacity, length, error);
        });
    }
    /// The bare access token, as a new string.
    Result<std::string> access_token(std::chrono::milliseconds min_valid = {}) const {
        std::string token;
        // Most are shorter: one call is enough.
        token.reserve(1023);
        auto copied = copy_token(token, min_valid);
        if (!copied) return copied.error();
        return token;
    }
    /// A token asked for now, even though there may be a valid one.
    Result<Token> refresh() const {
        return detail::make<Token, ::csign_token>(
            [&](auto **out, auto **error) { return ::csign_client_refresh(client_.get(), out, error); });
    }
    /// Tells that an API refused this access token (401): it is not handed out again.
    Result<void> invalidate(std::string_view access_token) const {
        return detail::run([&](auto **error) {
            return ::csign_client_invalidate(client_.get(), access_token.data(), access_token.size(), error);
        });
    }
    /// Where a person consents, ahead of a jwt-bearer grant.
    Result<Text> consent_url() const { return text(&::csign_client_consent_url); }
    /// Whom the token stands for and where its API is, as a JSON object of texts.
    Result<Text> identity() const { return text(&::csign_client_identity); }
    /// The last events in the life of the grant, as a JSON array.
    Result<Text> events() const { return text(&::csign_client_events); }
    /// Revokes the token at the vendor and forgets it here, in memory and in the store.
    ///
    /// With Revocation::failed, the token is kept but not handed out, and the next call tries the revocation again.
    Result<Forgotten> forget() const { return forget(&::csign_client_forget); }
    /// Like forget(), but forgets the token here even if the vendor did not revoke it.
    Result<Forgotten> force_forget() const { return forget(&::csign_client_force_forget); }
    /// How often something happened since the client was made.
    Result<std::uint64_t> count(Counter counter) const {
        std::uint64_t count = 0;
        auto done = detail::run([&](auto **error) {
            return ::csign_client_count(client_.get(), static_cast<std::int32_t>(counter), &count, error);
        });
        if (!done) return done.error();
        return count;
    }
    /// When the stored refresh token expires, if the vendor said so. Reads the store.
    Result<std::optional<std::chrono::system_clock::time_point>> refresh_token_expires_at() const {
        std::int64_t seconds = -1;
        auto done = detail::run([&](auto **error) {
            return ::csign_client_refresh_token_expires_at(client_.get(), &seconds, error);
        });
        if (!done) return done.error();
        return detail::time_of(seconds);
    }
    /// Fails with the reason where the last token is in memory only.
    Result<void> check_saved() const {
        return detail::run([&](auto **error) { return ::csign_client_check_saved(client_.get(), error); });
    }

    /// Begins a login, for a host with a web server of its own; without `redirect_uri`, with the setting's.
    Result<Login> start_login(std::string_view redirect_uri = {}) const {
        return detail::make<Login, ::csign_login>([&](auto **out, auto **error) {
            return ::csign_client_start_login(client_.get(), redirect_uri.data(), redirect_uri.size(), out, error);
        });
    }
    /// Ends a login with the URL that the browser came back to, or its query alone.
    Result<Token> complete_login(const Login &login, std::string_view callback) const {
        return detail::make<Token, ::csign_token>([&](auto **out, auto **error) {
            return ::csign_client_complete_login(client_.get(), login.get(), callback.data(), callback.size(), out,
                                                 error);
        });
    }
    /// A whole login on this machine (RFC 8252). `port` 0: the one in the setting redirect_uri, or any.
    Result<Token> login(const Open &open, std::chrono::milliseconds timeout = std::chrono::minutes(5),
                        std::uint16_t port = 0) const {
        auto *const user_data = const_cast<Open *>(&open);
        return detail::make<Token, ::csign_token>([&](auto **out, auto **error) {
            return ::csign_client_login(client_.get(), port, detail::milliseconds(timeout),
                                        open ? &detail::open : nullptr, user_data, out, error);
        });
    }

    /// Waits for the requests that are under way, and starts no new one from now on: for a program that is about to end,
    /// or before the client's last owner ends, which waits for nothing. Cached tokens are handed out as before; anything
    /// else fails with CSIGN_STATUS_BUSY. Fails with that if a request is still under way, and with the store's error if
    /// a new token is in memory only.
    Result<void> drain(std::chrono::milliseconds timeout = std::chrono::seconds(35)) const {
        return detail::run([&](auto **error) {
            return ::csign_client_drain(client_.get(), detail::milliseconds(timeout), error);
        });
    }

    /// Closes the client, also while other threads use it: later calls give CSIGN_STATUS_CLOSED. Waits for a request that
    /// has been sent, for at most 35 s, so that what it brings is stored. Call it before the program ends: the destructor
    /// waits for nothing. The object itself must outlive the other threads' calls.
    ///
    /// Fails with the store's error if a new token is in memory only and so is lost.
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

    /// The C object, borrowed.
    const ::csign_client *get() const & noexcept { return client_.get(); }
    const ::csign_client *get() const && = delete;

  private:
    static Result<Client> make(const ::csign_config *config, const ::csign_registry *registry) {
        return detail::make<Client, ::csign_client>(
            [&](auto **out, auto **error) { return ::csign_client_new(config, registry, out, error); });
    }
    /// Lets a C function fill the string's room, and makes more where that is too little.
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
