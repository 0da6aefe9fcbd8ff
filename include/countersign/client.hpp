// The client, which returns tokens.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_CLIENT_HPP
#define COUNTERSIGN_CLIENT_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../countersign.h"
#include "callback.hpp"
#include "config.hpp"
#include "login.hpp"
#include "registry.hpp"
#include "start.hpp"
#include "text.hpp"
#include "token.hpp"
#include "version.hpp"

namespace countersign {
inline namespace v0 {

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
    /// if the loaded library doesn't match these headers.
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
        return detail::read(text(&::csign_client_events), &events_of);
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

    /// Like token(), without waiting. The options end the call early; so that a thread waits for at
    /// most two seconds:
    ///
    ///     auto token = client.token_async({}, {std::chrono::seconds(2)}).get();
    ///
    /// No thread waits for the calls of the `_async` functions, except for drain_async. The client
    /// may be destroyed before they end, and a future may be dropped: it doesn't wait.
    std::future<Result<Token>> token_async(std::chrono::milliseconds min_valid = {},
                                           const CallOptions &options = {}) const {
        return started<Token>(&::csign_client_token_start, options, &token_of, min_valid);
    }
    /// Like refresh(), without waiting.
    std::future<Result<Token>> refresh_async(const CallOptions &options = {}) const {
        return started<Token>(&::csign_client_refresh_start, options, &token_of);
    }
    /// Like complete_login(), without waiting. The code is exchanged even if the call ends early.
    std::future<Result<Token>> complete_login_async(const Login &login, std::string_view callback,
                                                    const CallOptions &options = {}) const {
        const auto start = [&](const ::csign_call_options *raw, ::csign_done_fn done, void *data, auto **error) {
            return ::csign_client_complete_login_start(client_.get(), login.get(), callback.data(), callback.size(),
                                                       raw, done, data, error);
        };
        return detail::started<Token>(options, {}, start, &token_of);
    }
    /// Like identity(), without waiting.
    std::future<Result<Strings>> identity_async(const CallOptions &options = {}) const {
        return started<Strings>(&::csign_client_identity_start, options, [](const SharedResult &result) {
            return detail::read_view(text_of(result), [](const detail::Json &json) { return json.members(); });
        });
    }
    /// Like events(), without waiting.
    std::future<Result<std::vector<Event>>> events_async(const CallOptions &options = {}) const {
        return started<std::vector<Event>>(&::csign_client_events_start, options, [](const SharedResult &result) {
            return detail::read_view(text_of(result), &events_of);
        });
    }
    /// Like forget(), without waiting.
    std::future<Result<Forgotten>> forget_async(const CallOptions &options = {}) const {
        return started<Forgotten>(&::csign_client_forget_start, options, &forgotten_of);
    }
    /// Like force_forget(), without waiting.
    std::future<Result<Forgotten>> force_forget_async(const CallOptions &options = {}) const {
        return started<Forgotten>(&::csign_client_force_forget_start, options, &forgotten_of);
    }
    /// Like refresh_token_expires_at(), without waiting.
    std::future<Result<std::optional<std::chrono::system_clock::time_point>>> refresh_token_expires_at_async(
        const CallOptions &options = {}) const {
        using Time = std::optional<std::chrono::system_clock::time_point>;
        return started<Time>(&::csign_client_refresh_token_expires_at_start, options,
                             [](const SharedResult &result) -> Result<Time> {
                                 return detail::time_of(::csign_result_refresh_token_expires_at(result.get()));
                             });
    }
    /// Like drain(), on a thread of its own.
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
    using SharedResult = std::shared_ptr<::csign_result>;
    using Start = ::csign_status (*)(const ::csign_client *, const ::csign_call_options *, ::csign_done_fn, void *,
                                     ::csign_error **);

    template <typename T, typename Read>
    std::future<Result<T>> started(Start start, const CallOptions &options, Read read,
                                   std::chrono::milliseconds min_valid = {}) const {
        return detail::started<T>(
            options, min_valid,
            [&](const ::csign_call_options *raw, ::csign_done_fn done, void *data, ::csign_error **error) {
                return start(client_.get(), raw, done, data, error);
            },
            std::move(read));
    }
    static Result<Token> token_of(const SharedResult &result) {
        return Token(::csign_token_share(::csign_result_token(result.get())));
    }
    static std::string_view text_of(const SharedResult &result) {
        return detail::view(&::csign_text_value, ::csign_result_text(result.get()));
    }
    static Result<Forgotten> forgotten_of(const SharedResult &result) {
        auto *const reason = const_cast<::csign_error *>(::csign_result_error(result.get()));
        std::optional<Error> why;
        if (reason != nullptr) {
            why.emplace(::csign_error_status(reason), std::shared_ptr<::csign_error>(result, reason));
        }
        return Forgotten{static_cast<Revocation>(::csign_result_revocation(result.get())), std::move(why)};
    }
    static std::vector<Event> events_of(const detail::Json &json) {
        std::vector<Event> all;
        for (const auto &one : json.values()) {
            all.push_back({std::chrono::system_clock::time_point(std::chrono::milliseconds(one["at_ms"].number())),
                           one["by"].string(), one["attempt"].string(), one["what"].string(), one["spent"].string(),
                           one["got"].string()});
        }
        return all;
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

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_CLIENT_HPP
