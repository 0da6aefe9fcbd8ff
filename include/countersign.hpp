// libcountersign for C++17 and newer: a header-only layer on countersign.h.
//
//     auto config = countersign::Config::make({{"provider", "boldsign"},
//                                              {"environment", "us"},
//                                              {"grant", "client-credentials"},
//                                              {"client_id", id},
//                                              {"client_secret", secret},
//                                              {"scopes", "BoldSign.Documents.All"}}).value();
//     auto client = countersign::Client::make(config).value();
//     if (auto token = client.token()) send(token->authorization());
//
// Functions that can fail return a Result, which works like std::expected. value() throws
// countersign::Error on failure. Without exceptions (-fno-exceptions), value() ends the program on
// failure, so check the result first.
//
// Owners can be moved but not copied, except that a Token can be copied. They free their object when
// they are destroyed. A moved-from or default-constructed owner is empty, and its calls fail with
// Status::null_argument. A returned std::string_view is borrowed from its object, is followed by a
// NUL, and is empty if there is no value. So a temporary can't return one:
// `client.token().value().authorization()` doesn't compile. Store the token in a variable first.
//
// Const member functions may run concurrently on the same object. Config and Registry are not
// thread-safe. Callbacks are kept until nothing calls them any more, possibly after their client was
// destroyed, and may be called and destroyed on any thread. A callback that throws counts as failed.
// Error::cause returns what a signer or a login's `open` threw. A callback must not call its client.
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
#include <future>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_expected
#include <expected>
#endif
#ifdef __cpp_lib_format
#include <format>
#endif

#include "countersign.h"
#include "countersign_abi.hpp"
#include "countersign_json.hpp"

namespace countersign {
inline namespace v0 {

/// How a token is requested: the setting `grant`.
enum class GrantType {
    jwt_bearer,
    authorization_code,
    refresh_token,
    client_credentials,
};

/// Returns a grant type as the setting `grant` has it, such as "jwt-bearer".
constexpr std::string_view name(GrantType grant) noexcept {
    switch (grant) {
        case GrantType::jwt_bearer: return "jwt-bearer";
        case GrantType::authorization_code: return "authorization-code";
        case GrantType::refresh_token: return "refresh-token";
        case GrantType::client_credentials: return "client-credentials";
    }
    return "unknown";
}

/// How the app authenticates to the server: the setting `client_auth`.
enum class ClientAuthentication {
    none,
    basic,
    post,
    private_key_jwt,
    client_secret_jwt,
};

/// Returns a client authentication as the setting `client_auth` has it, such as "basic".
constexpr std::string_view name(ClientAuthentication authentication) noexcept {
    switch (authentication) {
        case ClientAuthentication::none: return "none";
        case ClientAuthentication::basic: return "basic";
        case ClientAuthentication::post: return "post";
        case ClientAuthentication::private_key_jwt: return "private_key_jwt";
        case ClientAuthentication::client_secret_jwt: return "client_secret_jwt";
    }
    return "unknown";
}

/// Returns the version of the loaded library, such as "0.1.0".
inline std::string_view version() noexcept { return ::csign_version(); }

/// Returns whether the loaded library is compatible with this header. Client::make checks it.
inline bool abi_matches() noexcept {
    const std::uint32_t running = ::csign_abi_version();
    const std::uint32_t wanted = CSIGN_ABI_VERSION;
    return running >> 16 == wanted >> 16 && (running & 0xFFFFU) >= (wanted & 0xFFFFU);
}

/// The error of a failed call. It contains no secrets. Copies share one object, and copying doesn't
/// throw.
class Error : public std::exception, public ErrorFields<Error> {
  public:
    /// Takes ownership of a C error, which may be NULL. CSIGN_STATUS_OK is no error, and becomes
    /// Status::internal.
    Error(::csign_status status, ::csign_error *raw)
        : status_(failed(static_cast<Status>(status))),
          error_(raw, &::csign_error_free),
          verdict_(static_cast<Verdict>(::csign_error_verdict(raw))) {}

    /// Makes an error without the library, for a TokenSource of your own and for tests.
    Error(Status status, Verdict verdict, std::string message)
        : status_(failed(status)),
          verdict_(verdict),
          message_(std::make_shared<const std::string>(std::move(message))) {}

    /// Returns the number of the C ABI. It says more than the kind about incorrect use.
    Status status() const noexcept { return status_; }
    /// Returns what happened.
    Kind kind() const noexcept {
        const auto number = static_cast<std::int32_t>(status_);
        if (number < 20) return Kind::usage;
        const bool panicked = status_ == Status::panic || status_ == Status::poisoned;
        return panicked ? Kind::internal : static_cast<Kind>(number);
    }
    /// Returns what to do about the error.
    Verdict verdict() const noexcept { return verdict_; }
    /// Returns whether to try again, after retry_after() if it is known.
    bool retryable() const noexcept { return verdict_ == Verdict::retry; }

    /// Returns one sentence that says what failed, or the name of the status.
    std::string_view message() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return what(); }
    std::string_view message() const && = delete;
    /// Like message().
    const char *what() const noexcept override {
        if (message_) return message_->c_str();
        const char *message = ::csign_error_message(get(), nullptr);
        return message != nullptr ? message : ::csign_status_name(static_cast<std::int32_t>(status_));
    }

    /// Returns the exception of the program's signer or `open` that caused the error, or null.
    std::exception_ptr cause() const noexcept {
        const auto *cause = static_cast<const std::exception_ptr *>(::csign_error_cause(get()));
        return cause != nullptr ? *cause : nullptr;
    }

    /// Returns the C object, borrowed, or NULL.
    const ::csign_error *get() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return error_.get(); }
    const ::csign_error *get() const && = delete;

  private:
    static Status failed(Status status) noexcept { return status == Status::ok ? Status::internal : status; }

    Status status_;
    std::shared_ptr<::csign_error> error_;
    Verdict verdict_;
    std::shared_ptr<const std::string> message_;
};

template <typename T>
class Result;

namespace detail {

template <typename T>
using remove_cvref_t = std::remove_cv_t<std::remove_reference_t<T>>;

[[noreturn]] inline void fail(const Error &error) {
#ifdef __cpp_exceptions
    throw error;
#else
    static_cast<void>(error);
    std::abort();
#endif
}

/// Ends the program: a result was read without checking it.
[[noreturn]] inline void unchecked() noexcept { std::abort(); }

template <typename T>
struct is_result : std::false_type {};
template <typename T>
struct is_result<Result<T>> : std::true_type {};

/// Calls a function with the value of a result; with nothing for Result<void>.
template <typename Self, typename Function>
decltype(auto) call_with_value(Self &&self, Function &&function) {
    if constexpr (std::is_void_v<typename remove_cvref_t<Self>::value_type>) {
        return std::invoke(std::forward<Function>(function));
    } else {
        return std::invoke(std::forward<Function>(function), std::get<0>(std::forward<Self>(self).state_));
    }
}

}  // namespace detail

/// The members that results have in common. `Value` is T, or a placeholder for void.
template <typename T, typename Value>
class ResultBase {
  public:
    using value_type = T;
    using error_type = Error;

    /// Returns whether the call succeeded.
    bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// Returns the error. Calling it on a success ends the program.
    const Error &error() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        if (has_value()) detail::unchecked();
        return *std::get_if<1>(&state_);
    }
    Error error() && noexcept {
        if (has_value()) detail::unchecked();
        return std::move(*std::get_if<1>(&state_));
    }

    /// Returns the error, or `otherwise` if the call succeeded.
    Error error_or(Error otherwise) const & { return has_value() ? std::move(otherwise) : error(); }

    /// Calls `function` with the value, and returns its result. Returns the error on failure.
    template <typename Function>
    auto and_then(Function &&function) & { return chained(*this, std::forward<Function>(function)); }
    template <typename Function>
    auto and_then(Function &&function) const & { return chained(*this, std::forward<Function>(function)); }
    template <typename Function>
    auto and_then(Function &&function) && { return chained(std::move(*this), std::forward<Function>(function)); }

    /// Calls `function` with the value, and returns what it returns as a result. Returns the error
    /// on failure.
    template <typename Function>
    auto transform(Function &&function) & { return transformed(*this, std::forward<Function>(function)); }
    template <typename Function>
    auto transform(Function &&function) const & { return transformed(*this, std::forward<Function>(function)); }
    template <typename Function>
    auto transform(Function &&function) && { return transformed(std::move(*this), std::forward<Function>(function)); }

    /// Calls `function` with the error, and returns its result. Returns the value on success.
    template <typename Function>
    Result<T> or_else(Function &&function) const & { return recovered(*this, std::forward<Function>(function)); }
    template <typename Function>
    Result<T> or_else(Function &&function) && { return recovered(std::move(*this), std::forward<Function>(function)); }

#ifdef __cpp_lib_expected
    /// Returns the result as std::expected (C++23).
    std::expected<T, Error> to_expected() const & { return expected(*this); }
    std::expected<T, Error> to_expected() && { return expected(std::move(*this)); }
#endif

  protected:
    template <std::size_t Index, typename Argument>
    ResultBase(std::in_place_index_t<Index> index, Argument &&argument)
        : state_(index, std::forward<Argument>(argument)) {}

    template <typename Self>
    static decltype(auto) checked(Self &&self) {
        if (!self.has_value()) detail::fail(self.error());
        return std::get<0>(std::forward<Self>(self).state_);
    }

    std::variant<Value, Error> state_;

  private:
    template <typename Self, typename Function>
    friend decltype(auto) detail::call_with_value(Self &&self, Function &&function);

    template <typename Self, typename Function>
    static auto chained(Self &&self, Function &&function) {
        using Next = detail::remove_cvref_t<decltype(detail::call_with_value(std::forward<Self>(self), function))>;
        static_assert(detail::is_result<Next>::value, "and_then needs a function that returns a Result");
        if (!self.has_value()) return Next(std::forward<Self>(self).error());
        return Next(detail::call_with_value(std::forward<Self>(self), std::forward<Function>(function)));
    }

    template <typename Self, typename Function>
    static auto transformed(Self &&self, Function &&function) {
        using Next = std::remove_cv_t<decltype(detail::call_with_value(std::forward<Self>(self), function))>;
        if (!self.has_value()) return Result<Next>(std::forward<Self>(self).error());
        if constexpr (std::is_void_v<Next>) {
            detail::call_with_value(std::forward<Self>(self), std::forward<Function>(function));
            return Result<Next>();
        } else {
            return Result<Next>(detail::call_with_value(std::forward<Self>(self), std::forward<Function>(function)));
        }
    }

    template <typename Self, typename Function>
    static Result<T> recovered(Self &&self, Function &&function) {
        if (!self.has_value()) return std::invoke(std::forward<Function>(function), std::forward<Self>(self).error());
        if constexpr (std::is_void_v<T>) {
            return Result<T>();
        } else {
            return Result<T>(std::get<0>(std::forward<Self>(self).state_));
        }
    }

#ifdef __cpp_lib_expected
    template <typename Self>
    static std::expected<T, Error> expected(Self &&self) {
        if (!self.has_value()) return std::unexpected(std::forward<Self>(self).error());
        if constexpr (std::is_void_v<T>) {
            return {};
        } else {
            return std::get<0>(std::forward<Self>(self).state_);
        }
    }
#endif
};

/// A call's value or error, like std::expected<T, Error>.
template <typename T>
class [[nodiscard]] Result : public ResultBase<T, T> {
    using Base = ResultBase<T, T>;

  public:
    /// Makes a success from anything that converts to T.
    template <typename U = T,
              typename = std::enable_if_t<std::is_convertible_v<U &&, T> &&
                                          !std::is_same_v<detail::remove_cvref_t<U>, Result> &&
                                          !std::is_base_of_v<Error, detail::remove_cvref_t<U>>>>
    Result(U &&value) : Base(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT: a value is a result
    Result(Error error) noexcept : Base(std::in_place_index<1>, std::move(error)) {}  // NOLINT: and so is an error

    /// Returns the value, or throws the Error if the call failed.
    T &value() & COUNTERSIGN_LIFETIMEBOUND { return Base::checked(*this); }
    const T &value() const & COUNTERSIGN_LIFETIMEBOUND { return Base::checked(*this); }
    /// Returns a new value from a temporary, so that `const auto &token = client.token().value()`
    /// doesn't dangle.
    T value() && { return Base::checked(std::move(*this)); }
    const T &value() const && = delete;

    /// Returns the value. Ends the program if the call failed.
    T &operator*() & noexcept COUNTERSIGN_LIFETIMEBOUND { return *held(*this); }
    const T &operator*() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return *held(*this); }
    T operator*() && noexcept(std::is_nothrow_move_constructible_v<T>) { return std::move(*held(*this)); }
    const T &operator*() const && = delete;
    T *operator->() & noexcept COUNTERSIGN_LIFETIMEBOUND { return held(*this); }
    const T *operator->() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return held(*this); }
    /// The value would be destroyed at the end of the statement.
    T *operator->() && = delete;
    const T *operator->() const && = delete;

    /// Returns the value, or `otherwise` if the call failed.
    template <typename U>
    T value_or(U &&otherwise) const & {
        return this->has_value() ? **this : static_cast<T>(std::forward<U>(otherwise));
    }
    template <typename U>
    T value_or(U &&otherwise) && {
        return this->has_value() ? std::move(*held(*this)) : static_cast<T>(std::forward<U>(otherwise));
    }

  private:
    template <typename Self>
    static auto held(Self &self) noexcept {
        auto *const value = std::get_if<0>(&self.state_);
        if (value == nullptr) detail::unchecked();
        return value;
    }
};

/// A call's success or error, like std::expected<void, Error>.
template <>
class [[nodiscard]] Result<void> : public ResultBase<void, std::monostate> {
    using Base = ResultBase<void, std::monostate>;

  public:
    Result() noexcept : Base(std::in_place_index<0>, std::monostate()) {}
    Result(Error error) noexcept : Base(std::in_place_index<1>, std::move(error)) {}  // NOLINT: an error is a result

    /// Throws the Error if the call failed.
    void value() const { static_cast<void>(Base::checked(*this)); }
};

namespace detail {

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

/// Converts a time of the C ABI, where a negative number means unknown.
inline std::optional<std::chrono::system_clock::time_point> time_of(std::int64_t seconds) noexcept {
    if (seconds < 0) return std::nullopt;
    return std::chrono::system_clock::time_point(std::chrono::seconds(seconds));
}

/// Runs a C call without a result.
template <typename Call>
Result<void> run(Call &&call) {
    ::csign_error *error = nullptr;
    const ::csign_status status = call(&error);
    if (status != CSIGN_STATUS_OK) return Error(status, error);
    return {};
}

/// Runs a C call that returns a handle, which a Wrapper then owns.
template <typename Wrapper, typename Handle, typename Call>
Result<Wrapper> make(Call &&call) {
    Handle *handle = nullptr;
    ::csign_error *error = nullptr;
    const ::csign_status status = call(&handle, &error);
    if (status != CSIGN_STATUS_OK) return Error(status, error);
    return Wrapper(handle);
}

/// Runs a call on a thread of its own, and returns its result as a future.
template <typename T, typename Call>
std::future<T> start(Call call) {
    std::promise<T> promise;
    auto future = promise.get_future();
    auto run = [promise = std::move(promise), call = std::move(call)]() mutable {
#ifdef __cpp_exceptions
        try {
            promise.set_value(call());
        } catch (...) {
            promise.set_exception(std::current_exception());
        }
#else
        promise.set_value(call());
#endif
    };
    std::thread(std::move(run)).detach();
    return future;
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

    std::string_view view() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
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

namespace detail {

/// A token that was made without the library.
struct MadeToken {
    std::string access_token, authorization, type = "Bearer", scope, extra_json = "{}";
    std::optional<std::chrono::system_clock::time_point> expires_at;
};

}  // namespace detail

/// Strings by name.
using Strings = std::map<std::string, std::string, std::less<>>;

namespace detail {

/// Reads the JSON of a call into a value.
template <typename Read>
auto read(Result<Text> text, Read &&read) -> Result<decltype(read(std::declval<const Json &>()))> {
    if (!text) return std::move(text).error();
    const auto json = Json::parse(text->view());
    if (!json) return Error(Status::internal, Verdict::unexpected, "the library returned invalid JSON");
    return read(*json);
}

/// Like read, for each value of an array.
template <typename Read>
auto read_all(Result<Text> text, Read &&one) {
    return read(std::move(text), [&](const Json &json) {
        std::vector<decltype(one(json))> all;
        for (const auto &value : json.values()) all.push_back(one(value));
        return all;
    });
}

}  // namespace detail

/// The accessors of an owned or borrowed token.
template <typename Self>
class TokenFields {
  public:
    /// Returns the access token string. It is a secret: don't log it.
    std::string_view access_token() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return text(&::csign_token_value, &detail::MadeToken::access_token);
    }
    std::string_view access_token() const && = delete;
    /// Returns the value of the HTTP `Authorization` header, nearly always "Bearer ...". It is a
    /// secret.
    std::string_view authorization() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return text(&::csign_token_authorization, &detail::MadeToken::authorization);
    }
    std::string_view authorization() const && = delete;
    /// Returns the token type as the vendor sent it, nearly always "Bearer".
    std::string_view type() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return text(&::csign_token_type, &detail::MadeToken::type);
    }
    std::string_view type() const && = delete;
    /// Returns the granted scopes, separated by spaces. Empty if the vendor doesn't say.
    std::string_view scope() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return text(&::csign_token_scope, &detail::MadeToken::scope);
    }
    std::string_view scope() const && = delete;
    /// Returns when the token expires, if the vendor says so.
    std::optional<std::chrono::system_clock::time_point> expires_at() const noexcept {
        if (const auto *made = self().made()) return made->expires_at;
        return detail::time_of(::csign_token_expires_at(self().get()));
    }
    Source source() const noexcept {
        return self().made() != nullptr ? Source::minted : static_cast<Source>(::csign_token_source(self().get()));
    }
    /// Returns one of the vendor's additional members, such as "instance_url".
    std::string_view extra(std::string_view name) const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        std::size_t length = 0;
        const char *start = ::csign_token_extra(self().get(), name.data(), name.size(), &length);
        return start == nullptr ? std::string_view() : std::string_view(start, length);
    }
    std::string_view extra(std::string_view name) const && = delete;
    /// Returns the vendor's additional members as a JSON object of strings.
    std::string_view extra_json() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return text(&::csign_token_extra_json, &detail::MadeToken::extra_json);
    }
    std::string_view extra_json() const && = delete;

  private:
    const Self &self() const noexcept { return *static_cast<const Self *>(this); }
    std::string_view text(const char *(*field)(const ::csign_token *, std::size_t *),
                          std::string detail::MadeToken::*member) const noexcept {
        if (const auto *made = self().made()) return made->*member;
        std::size_t length = 0;
        const char *start = field(self().get(), &length);
        return start == nullptr ? std::string_view() : std::string_view(start, length);
    }
};

/// An access token. It is immutable. Copies share it, and the last one wipes it.
class Token : public TokenFields<Token> {
  public:
    /// Makes no token.
    Token() noexcept = default;
    explicit Token(::csign_token *token) noexcept : token_(token) {}
    Token(Token &&) noexcept = default;
    Token &operator=(Token &&) noexcept = default;
    Token(const Token &other) noexcept : token_(::csign_token_share(other.token_.get())), made_(other.made_) {}
    Token &operator=(const Token &other) noexcept { return *this = Token(other); }
    ~Token() = default;

    /// Makes a bearer token without the library, for a TokenSource of your own and for tests. It is
    /// not wiped.
    static Token bearer(std::string access_token,
                        std::optional<std::chrono::system_clock::time_point> expires_at = std::nullopt) {
        detail::MadeToken made;
        made.authorization = "Bearer " + access_token;
        made.access_token = std::move(access_token);
        made.expires_at = expires_at;
        Token token;
        token.made_ = std::make_shared<const detail::MadeToken>(std::move(made));
        return token;
    }

    /// Returns whether there is a token.
    explicit operator bool() const noexcept { return token_ != nullptr || made_ != nullptr; }
    /// Returns the C object, borrowed, or NULL.
    const ::csign_token *get() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return token_.get(); }
    const ::csign_token *get() const && = delete;

  private:
    friend class TokenFields<Token>;
    const detail::MadeToken *made() const noexcept { return made_.get(); }

    detail::Owner<::csign_token, &::csign_token_free> token_;
    std::shared_ptr<const detail::MadeToken> made_;
};

/// A token that is borrowed until the listener returns.
class TokenView : public TokenFields<TokenView> {
  public:
    explicit TokenView(const ::csign_token *token) noexcept : token_(token) {}
    /// Returns an owner of the token, to keep it.
    Token share() const noexcept { return Token(::csign_token_share(token_)); }
    const ::csign_token *get() const noexcept { return token_; }

  private:
    friend class TokenFields<TokenView>;
    static const detail::MadeToken *made() noexcept { return nullptr; }

    const ::csign_token *token_;
};

/// Returns tokens. A Client is one. HTTP adapters take one, so a test can pass its own.
class TokenSource {
  public:
    virtual ~TokenSource() = default;

    /// Returns a token that is valid for at least this long; 0 means the source's default.
    virtual Result<Token> token(std::chrono::milliseconds min_valid = {}) const = 0;
    /// Reports an access token that an API rejected with 401. The next token is another one, if
    /// there is one.
    virtual Result<void> invalidate(std::string_view access_token) const = 0;

  protected:
    TokenSource() = default;
    TokenSource(const TokenSource &) = default;
    TokenSource &operator=(const TokenSource &) = default;
    TokenSource(TokenSource &&) = default;
    TokenSource &operator=(TokenSource &&) = default;
};

/// A time by both clocks.
struct Moment {
    /// Since 1970-01-01 UTC.
    std::chrono::milliseconds unix_time;
    /// Since boot, including sleep. Never decreases.
    std::chrono::milliseconds boot_time;
};

namespace detail {

/// Whether a callback is a null pointer, or an empty std::function or the like.
template <typename Function>
bool is_null(const Function &function) noexcept {
    if constexpr (std::is_constructible_v<Function, std::nullptr_t>) {
        return function == nullptr;
    } else {
        static_cast<void>(function);
        return false;
    }
}

template <typename Function>
std::int32_t sign(void *user_data, const std::uint8_t *input, std::size_t input_length, std::uint8_t *signature,
                  std::size_t capacity, std::size_t *written) noexcept {
    static_assert(std::is_invocable_r_v<std::optional<std::string>, Function &, std::string_view>,
                  "a signer takes a std::string_view and returns a std::optional<std::string>");
    return caused<std::int32_t>(1, [&]() -> std::int32_t {
        const std::string_view bytes(reinterpret_cast<const char *>(input), input_length);
        const std::optional<std::string> made = std::invoke(*static_cast<Function *>(user_data), bytes);
        if (!made || made->size() > capacity) return 2;
        std::memcpy(signature, made->data(), made->size());
        *written = made->size();
        return 0;
    });
}

template <typename Function>
std::int32_t tell(void *user_data, std::int64_t *unix_ms, std::uint64_t *boot_ms) noexcept {
    static_assert(std::is_invocable_r_v<std::optional<Moment>, Function &>, "a clock returns a std::optional<Moment>");
    return guarded<std::int32_t>(1, [&]() -> std::int32_t {
        const std::optional<Moment> now = std::invoke(*static_cast<Function *>(user_data));
        if (!now) return 2;
        *unix_ms = now->unix_time.count();
        *boot_ms = milliseconds(now->boot_time);
        return 0;
    });
}

template <typename Function>
void take(void *user_data, ::csign_log_level level, const char *line, std::size_t length) noexcept {
    static_assert(std::is_invocable_v<Function &, LogLevel, std::string_view>,
                  "a log takes a LogLevel and a std::string_view");
    guarded<int>(0, [&] {
        std::invoke(*static_cast<Function *>(user_data), static_cast<LogLevel>(level), std::string_view(line, length));
        return 0;
    });
}

template <typename Function>
void hear(void *user_data, ::csign_change change, const ::csign_token *token) noexcept {
    static_assert(std::is_invocable_v<Function &, Change, const TokenView *>,
                  "a listener takes a Change and a const TokenView *");
    guarded<int>(0, [&] {
        const TokenView lent(token);
        const TokenView *const shown = token != nullptr ? &lent : nullptr;
        std::invoke(*static_cast<Function *>(user_data), static_cast<Change>(change), shown);
        return 0;
    });
}

template <typename Function>
std::int32_t open(void *user_data, const char *url, std::size_t length) noexcept {
    static_assert(std::is_invocable_r_v<bool, Function &, std::string_view>,
                  "open takes a std::string_view and returns a bool");
    return caused<std::int32_t>(1, [&]() -> std::int32_t {
        return std::invoke(*static_cast<Function *>(user_data), std::string_view(url, length)) ? 0 : 2;
    });
}

/// Passes a callback to the library, which destroys it even if the setter fails.
template <typename Function, typename Trampoline, typename Call>
auto keep(Function &&function, Trampoline trampoline, Call &&call) {
    using Kept = std::decay_t<Function>;
    const Trampoline called = is_null<Kept>(function) ? nullptr : trampoline;
    return call(called, new Kept(std::forward<Function>(function)), &destroy<Kept>);
}

}  // namespace detail

/// What a key is. A text that doesn't apply is empty.
struct KeyInfo {
    /// "private", "public" or "certificate".
    std::string kind;
    /// "RSA", "EC", "OKP" or "oct".
    std::string type;
    int bits = 0;
    /// The curve, such as "P-256".
    std::string curve;
    /// The file's format, such as "pkcs8".
    std::string format;
    std::string key_id;
    /// The SHA-256 digest of the public key's SubjectPublicKeyInfo, in hex.
    std::string spki_sha256;
    /// The thumbprint of RFC 7638.
    std::string jwk_thumbprint;
    /// The algorithms that the key can be used with, its default first.
    std::vector<std::string> algorithms;
    /// The public key as a JWK (RFC 7517), in JSON.
    std::string public_jwk;
    /// Everything, in JSON, with the key's certificates.
    std::string json;
};

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
    /// Returns a key that stays in a device and signs with a callback, as Config::set_signer does,
    /// with an algorithm such as "ES256".
    template <typename Signer>
    static Result<Key> from_signer(std::string_view algorithm, std::string_view key_id, Signer &&signer) {
        const auto sign = &detail::sign<std::decay_t<Signer>>;
        return detail::keep(std::forward<Signer>(signer), sign, [&](auto called, void *kept, auto destroy) {
            return detail::make<Key, ::csign_key>([&](auto **out, auto **error) {
                return ::csign_key_from_signer(algorithm.data(), algorithm.size(), key_id.data(), key_id.size(), called,
                                               kept, destroy, out, error);
            });
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
        if (!done) return std::move(done).error();
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
    /// Describes the key. Fails for a JWK Set and for a key in a device.
    Result<KeyInfo> info() const {
        auto text = detail::make<Text, ::csign_text>(
            [&](auto **out, auto **error) { return ::csign_key_info(key_.get(), out, error); });
        return detail::read(std::move(text), [](const detail::Json &key) {
            KeyInfo info;
            info.kind = key["kind"].string();
            info.type = key["type"].string();
            info.bits = static_cast<int>(key["bits"].number());
            info.curve = key["curve"].string();
            info.format = key["format"].string();
            info.key_id = key["key_id"].string();
            info.spki_sha256 = key["spki_sha256"].string();
            info.jwk_thumbprint = key["jwk_thumbprint"].string();
            info.algorithms = key["algorithms"].strings();
            if (!key["public_jwk"].is_null()) info.public_jwk = key["public_jwk"].text();
            info.json = key.text();
            return info;
        });
    }

  private:
    static const std::uint8_t *bytes(std::string_view data) noexcept {
        return reinterpret_cast<const std::uint8_t *>(data.data());
    }
    detail::Owner<::csign_key, &::csign_key_free> key_;
};

/// A vendor's token service.
struct Provider {
    std::string id, name, documentation;
    /// The values of the setting `environment`.
    std::vector<std::string> environments;
    /// The values of the setting `grant`.
    std::vector<std::string> grants;
    /// The vendor's additional settings, extra.NAME, with their descriptions.
    Strings extra;
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
    template <typename Log>
    Result<void> set_log(LogLevel most, Log &&log) {
        const auto take = &detail::take<std::decay_t<Log>>;
        return detail::keep(std::forward<Log>(log), take, [&](auto called, void *kept, auto destroy) {
            return detail::run([&](auto **error) {
                return ::csign_registry_set_log(registry_.get(), static_cast<std::int32_t>(most), called, kept, destroy,
                                                error);
            });
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
    /// Returns the registry's providers.
    Result<std::vector<Provider>> providers() const {
        auto text = detail::make<Text, ::csign_text>(
            [&](auto **out, auto **error) { return ::csign_registry_providers(registry_.get(), out, error); });
        return detail::read_all(std::move(text), [](const detail::Json &one) {
            return Provider{one["id"].string(),           one["name"].string(),    one["documentation"].string(),
                            one["environments"].strings(), one["grants"].strings(), one["extra"].members()};
        });
    }
    /// Returns the C object, borrowed.
    const ::csign_registry *get() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return registry_.get(); }
    const ::csign_registry *get() const && = delete;

  private:
    detail::Owner<::csign_registry, &::csign_registry_free> registry_;
};

/// A connection's settings and the program's callbacks.
class Config {
  public:
    /// A setting that can be assigned to: `config["client_id"] = id`.
    class Setting {
      public:
        void operator=(std::string_view value) && {
            auto set = config_->set(key_, value);
            if (!set && !config_->first_error_) config_->first_error_ = std::move(set).error();
        }
        void operator=(GrantType grant) && { std::move(*this) = name(grant); }
        void operator=(ClientAuthentication authentication) && { std::move(*this) = name(authentication); }
        Setting(const Setting &) = delete;
        Setting &operator=(const Setting &) = delete;

      private:
        friend class Config;
        Setting(Config *config, std::string_view key) noexcept : config_(config), key_(key) {}

        Config *config_;
        std::string_view key_;
    };

    Config() noexcept = default;
    explicit Config(::csign_config *config) noexcept : config_(config) {}

    /// Creates a config without settings.
    static Result<Config> make() { return detail::make<Config, ::csign_config>(&::csign_config_new); }
    /// Creates a config with these settings. The keys are the same in every language.
    static Result<Config> make(std::initializer_list<std::pair<std::string_view, std::string_view>> settings) {
        return make<decltype(settings)>(settings);
    }
    /// Creates a config with the settings of any range of pairs of strings, such as a std::map.
    template <typename Settings, typename = decltype(std::begin(std::declval<const Settings &>()))>
    static Result<Config> make(const Settings &settings) {
        auto made = make();
        for (const auto &[key, value] : settings) {
            if (!made) break;
            auto set = made->set(key, value);
            if (!set) return std::move(set).error();
        }
        return made;
    }
    /// Loads `[connections.NAME]` of a TOML file. `path` defaults to the file that the countersign
    /// command reads.
    static Result<Config> load(std::string_view name, std::string_view path = {}) {
        auto made = make();
        if (!made) return made;
        auto loaded = detail::run([&](auto **error) {
            return ::csign_config_load(made->config_.get(), path.data(), path.size(), name.data(), name.size(),
                                       error);
        });
        if (!loaded) return std::move(loaded).error();
        return made;
    }

    /// Names a setting to assign to. An assignment that fails is reported by Client::make.
    Setting operator[](std::string_view key) & noexcept COUNTERSIGN_LIFETIMEBOUND { return Setting(this, key); }

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
    ///
    /// `signer` is called with the message (std::string_view), not its hash, and returns the
    /// signature (std::optional<std::string>) in the format of RFC 7518, or in DER for ECDSA, or
    /// nothing if it can't sign. What it throws is the cause of the error. Like every callback, it
    /// may be move-only, may be called concurrently, and must not call the client.
    template <typename Signer>
    Result<void> set_signer(std::string_view algorithm, std::string_view key_id, Signer &&signer) {
        const auto sign = &detail::sign<std::decay_t<Signer>>;
        return detail::keep(std::forward<Signer>(signer), sign, [&](auto called, void *kept, auto destroy) {
            return detail::run([&](auto **error) {
                return ::csign_config_set_signer(config_.get(), algorithm.data(), algorithm.size(), key_id.data(),
                                                 key_id.size(), called, kept, destroy, error);
            });
        });
    }
    /// Sets a callback for the library's log, up to a level. By default, nothing is logged.
    ///
    /// `log` is called with the level (LogLevel) and a line (std::string_view), which is valid until
    /// it returns.
    template <typename Log>
    Result<void> set_log(LogLevel most, Log &&log) {
        const auto take = &detail::take<std::decay_t<Log>>;
        return detail::keep(std::forward<Log>(log), take, [&](auto called, void *kept, auto destroy) {
            return detail::run([&](auto **error) {
                return ::csign_config_set_log(config_.get(), static_cast<std::int32_t>(most), called, kept, destroy,
                                              error);
            });
        });
    }
    /// Sets a callback that replaces the system's clocks, for tests. `clock` returns the time
    /// (std::optional<Moment>), or nothing to use the system's clocks.
    template <typename Clock>
    Result<void> set_clock(Clock &&clock) {
        const auto tell = &detail::tell<std::decay_t<Clock>>;
        return detail::keep(std::forward<Clock>(clock), tell, [&](auto called, void *kept, auto destroy) {
            return detail::run([&](auto **error) {
                return ::csign_config_set_clock(config_.get(), called, kept, destroy, error);
            });
        });
    }
    /// Sets a callback for changes of the token.
    ///
    /// `listener` is called with the Change and the token (const TokenView *), after the change is
    /// stored and before any caller gets the token. The token is NULL for Change::forgotten.
    template <typename Listener>
    Result<void> set_listener(Listener &&listener) {
        const auto hear = &detail::hear<std::decay_t<Listener>>;
        return detail::keep(std::forward<Listener>(listener), hear, [&](auto called, void *kept, auto destroy) {
            return detail::run([&](auto **error) {
                return ::csign_config_set_listener(config_.get(), called, kept, destroy, error);
            });
        });
    }
    /// Returns the error of the first failed assignment to config["..."], if any.
    const std::optional<Error> &first_error() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return first_error_; }
    const std::optional<Error> &first_error() const && = delete;
    /// Returns the C object, borrowed.
    const ::csign_config *get() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return config_.get(); }
    const ::csign_config *get() const && = delete;

  private:
    detail::Owner<::csign_config, &::csign_config_free> config_;
    std::optional<Error> first_error_;
};

/// A setting that a config can have.
struct SettingInfo {
    std::string name;
    /// Whether its value is a secret, which can also be set as NAME_file and NAME_env.
    bool secret;
    std::string about;
};

/// Returns all settings.
inline Result<std::vector<SettingInfo>> settings() {
    auto text = detail::make<Text, ::csign_text>(&::csign_settings);
    return detail::read_all(std::move(text), [](const detail::Json &one) {
        return SettingInfo{one["name"].string(), one["secret"].is_true(), one["about"].string()};
    });
}

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
    std::string_view url() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        std::size_t length = 0;
        const char *start = ::csign_login_url(login_.get(), &length);
        return start == nullptr ? std::string_view() : std::string_view(start, length);
    }
    std::string_view url() const && = delete;
    /// Returns the `state` parameter of the URL, which identifies the login that a callback belongs
    /// to.
    std::string_view state() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
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
    const ::csign_login *get() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return login_.get(); }
    const ::csign_login *get() const && = delete;

  private:
    detail::Owner<::csign_login, &::csign_login_free> login_;
};

/// An event in the history of a connection's grant. It contains no token.
struct Event {
    /// When it happened, by the store's clock.
    std::chrono::system_clock::time_point at;
    /// The host, process and client.
    std::string by;
    /// The attempt that the event belongs to, or empty.
    std::string attempt;
    /// What happened, such as "refreshed".
    std::string what;
    /// The fingerprints of the refresh tokens that were spent and received, or empty.
    std::string spent, got;
};

/// The result of Client::forget.
struct Forgotten {
    Revocation revocation;
    /// Why the vendor did not revoke the token, for Revocation::failed.
    std::optional<Error> reason;
};

/// A client returns a connection's access token and keeps it valid. Any number of threads may use
/// one client. At most one token request is in flight among them and among the processes that share
/// the connection's store.
class Client : public TokenSource {
  public:
    Client() noexcept = default;
    explicit Client(::csign_client *client) noexcept : client_(client) {}

    /// Builds a client with the built-in providers. Copies the config, and sends no request. Fails
    /// if the loaded library doesn't match this header.
    static Result<Client> make(const Config &config) { return make(config, nullptr); }
    /// Builds a client with this registry's providers.
    static Result<Client> make(const Config &config, const Registry &registry) {
        return make(config, registry.get());
    }

    /// Returns a token that is valid for at least this long; 0 means the setting min_valid_s. This
    /// is the cached token, the stored one, or a new one from a request that concurrent callers
    /// share.
    Result<Token> token(std::chrono::milliseconds min_valid = {}) const override {
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
        if (!copied) return std::move(copied).error();
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
    Result<void> invalidate(std::string_view access_token) const override {
        return detail::run([&](auto **error) {
            return ::csign_client_invalidate(client_.get(), access_token.data(), access_token.size(), error);
        });
    }
    /// Returns the URL at which a person consents to the app acting for the user. A jwt-bearer
    /// grant needs this consent.
    Result<Text> consent_url() const { return text(&::csign_client_consent_url); }
    /// Returns the user that the token is for and the API's URL, such as "base_uri". The names are
    /// the vendor's.
    Result<Strings> identity() const {
        return detail::read(text(&::csign_client_identity), [](const detail::Json &json) { return json.members(); });
    }
    /// Returns the recent history of the connection's grant, oldest first.
    Result<std::vector<Event>> events() const {
        return detail::read_all(text(&::csign_client_events), [](const detail::Json &one) {
            return Event{std::chrono::system_clock::time_point(std::chrono::milliseconds(one["at_ms"].number())),
                         one["by"].string(),
                         one["attempt"].string(),
                         one["what"].string(),
                         one["spent"].string(),
                         one["got"].string()};
        });
    }
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
        if (!done) return std::move(done).error();
        return count;
    }
    /// Returns when the stored refresh token expires, if the vendor says so. A person must log in
    /// again before then, unless a refresh returns a new one. Reads the store.
    Result<std::optional<std::chrono::system_clock::time_point>> refresh_token_expires_at() const {
        std::int64_t seconds = -1;
        auto done = detail::run([&](auto **error) {
            return ::csign_client_refresh_token_expires_at(client_.get(), &seconds, error);
        });
        if (!done) return std::move(done).error();
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
    ///
    /// `open` opens or shows the URL (std::string_view) and returns true. If it returns false, the
    /// login fails. What it throws is the cause of the error. It must not call the client.
    template <typename Open>
    Result<Token> login(Open &&open, std::chrono::milliseconds timeout = std::chrono::minutes(5),
                        std::uint16_t port = 0) const {
        using Function = std::remove_reference_t<Open>;
        const auto called = detail::is_null<detail::remove_cvref_t<Open>>(open) ? nullptr : &detail::open<Function>;
        auto *const user_data = const_cast<void *>(static_cast<const void *>(std::addressof(open)));
        return detail::make<Token, ::csign_token>([&](auto **out, auto **error) {
            return ::csign_client_login(client_.get(), port, detail::milliseconds(timeout), called, user_data, out,
                                        error);
        });
    }

    /// Waits for requests in flight, and starts no new ones. Call it before the program exits or
    /// the client is destroyed, because the destructor doesn't wait. Afterwards, the client still
    /// returns a cached token; anything else fails with Status::busy. Fails with
    /// Status::busy if a request is still in flight after the timeout, and with the store's
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
            case Status::busy:
            case Status::forked:
            case Status::reentered: return {};
            default: return drained;
        }
    }

    /// Like token(), without waiting. To give up after a time, use the future's wait_for: the request
    /// continues, and the client keeps its token.
    ///
    /// Each `_async` function runs its call on a thread of its own. The client may be destroyed
    /// before that, which fails the call with Kind::usage unless it has begun. A future may be
    /// dropped: it doesn't wait.
    std::future<Result<Token>> token_async(std::chrono::milliseconds min_valid = {}) const {
        return start<Token>([min_valid](const Client &client) { return client.token(min_valid); });
    }
    /// Like refresh(), without waiting.
    std::future<Result<Token>> refresh_async() const {
        return start<Token>([](const Client &client) { return client.refresh(); });
    }
    /// Like invalidate(), without waiting for the store.
    std::future<Result<void>> invalidate_async(std::string access_token) const {
        return start<void>([token = std::move(access_token)](const Client &client) { return client.invalidate(token); });
    }
    /// Like complete_login(), without waiting.
    std::future<Result<Token>> complete_login_async(Login login, std::string callback) const {
        return start<Token>([login = std::move(login), callback = std::move(callback)](const Client &client) {
            return client.complete_login(login, callback);
        });
    }
    /// Like identity(), without waiting.
    std::future<Result<Strings>> identity_async() const {
        return start<Strings>([](const Client &client) { return client.identity(); });
    }
    /// Like forget(), without waiting.
    std::future<Result<Forgotten>> forget_async() const {
        return start<Forgotten>([](const Client &client) { return client.forget(); });
    }
    /// Like drain(), without waiting.
    std::future<Result<void>> drain_async(std::chrono::milliseconds timeout = std::chrono::seconds(35)) const {
        return start<void>([timeout](const Client &client) { return client.drain(timeout); });
    }

    /// Returns the C object, borrowed.
    const ::csign_client *get() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return client_.get(); }
    const ::csign_client *get() const && = delete;

  private:
    static Result<Client> make(const Config &config, const ::csign_registry *registry) {
        if (!abi_matches()) {
            return Error(Status::bad_argument, Verdict::unexpected,
                         "libcountersign " + std::string(version()) + " does not match countersign.hpp");
        }
        if (config.first_error()) return *config.first_error();
        return detail::make<Client, ::csign_client>(
            [&](auto **out, auto **error) { return ::csign_client_new(config.get(), registry, out, error); });
    }
    /// Runs a call on a thread. The handle is a number that the library checks, so the client may be
    /// destroyed in the meantime.
    template <typename T, typename Call>
    std::future<Result<T>> start(Call call) const {
        return detail::start<Result<T>>([handle = client_.get(), call = std::move(call)] {
            Client client(handle);
            /// Another owner frees the handle.
            struct Borrowed {
                ~Borrowed() { static_cast<void>(client.client_.release()); }
                Client &client;
            } const borrowed{client};
            return call(client);
        });
    }
    /// Lets a C function fill the string, and enlarges the string if necessary.
    template <typename Call>
    static Result<void> copy(std::string &into, Call &&call) {
        for (;;) {
            into.resize(into.capacity());
            std::size_t length = 0;
            ::csign_error *error = nullptr;
            const ::csign_status status = call(&into[0], into.size(), &length, &error);
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
        if (!done) return std::move(done).error();
        std::optional<Error> why;
        if (reason != nullptr) why.emplace(::csign_error_status(reason), reason);
        return Forgotten{static_cast<Revocation>(revocation), std::move(why)};
    }
    Result<Text> text(::csign_status (*call)(const ::csign_client *, ::csign_text **, ::csign_error **)) const {
        return detail::make<Text, ::csign_text>(
            [&](auto **out, auto **error) { return call(client_.get(), out, error); });
    }

    detail::Owner<::csign_client, &::csign_client_free> client_;
};

static_assert(sizeof(Key) == sizeof(void *) && sizeof(Registry) == sizeof(void *) && sizeof(Login) == sizeof(void *) &&
                  sizeof(Text) == sizeof(void *),
              "an owner is one pointer");

namespace detail {

/// Whether a type is one of this header's enums, which have names.
template <typename T>
inline constexpr bool is_named =
    std::is_same_v<T, Status> || std::is_same_v<T, Kind> || std::is_same_v<T, Verdict> || std::is_same_v<T, Source> ||
    std::is_same_v<T, Change> || std::is_same_v<T, Revocation> || std::is_same_v<T, LogLevel> ||
    std::is_same_v<T, Counter> || std::is_same_v<T, GrantType> || std::is_same_v<T, ClientAuthentication>;

/// Returns an error as a line: the kind, the message and the hint.
inline std::string line_of(const Error &error) {
    std::string line(name(error.kind()));
    line.append(": ").append(error.message());
    if (!error.hint().empty()) line.append(" (").append(error.hint()).append(")");
    return line;
}

}  // namespace detail

/// Writes the name of an enum's value.
template <typename Named, typename Traits, typename = std::enable_if_t<detail::is_named<Named>>>
std::basic_ostream<char, Traits> &operator<<(std::basic_ostream<char, Traits> &out, Named named) {
    return out << name(named);
}

/// Writes the kind, the message and the hint.
template <typename Traits>
std::basic_ostream<char, Traits> &operator<<(std::basic_ostream<char, Traits> &out, const Error &error) {
    return out << detail::line_of(error);
}

}  // namespace v0
}  // namespace countersign

#ifdef __cpp_lib_format
template <typename Named>
    requires countersign::detail::is_named<Named>
struct std::formatter<Named> : std::formatter<std::string_view> {
    template <typename Context>
    auto format(Named named, Context &context) const {
        return std::formatter<std::string_view>::format(name(named), context);
    }
};

template <>
struct std::formatter<countersign::Error> : std::formatter<std::string_view> {
    template <typename Context>
    auto format(const countersign::Error &error, Context &context) const {
        return std::formatter<std::string_view>::format(countersign::detail::line_of(error), context);
    }
};
#endif

#endif  // COUNTERSIGN_HPP
