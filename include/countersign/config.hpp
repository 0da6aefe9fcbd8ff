// A connection's settings.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_CONFIG_HPP
#define COUNTERSIGN_CONFIG_HPP

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../countersign.h"
#include "call.hpp"
#include "callback.hpp"
#include "text.hpp"

namespace countersign {
inline namespace v0 {

/// How a token is requested: the setting `grant`.
enum class GrantType {
    jwt_bearer,
    authorization_code,
    device_code,
    refresh_token,
    client_credentials,
};

/// Returns the value of the setting `grant`, such as "jwt-bearer".
constexpr std::string_view name(GrantType grant) noexcept {
    switch (grant) {
        case GrantType::jwt_bearer: return "jwt-bearer";
        case GrantType::authorization_code: return "authorization-code";
        case GrantType::device_code: return "device-code";
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

/// Returns the value of the setting `client_auth`, such as "basic".
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

    /// Returns a setting to assign to. If an assignment fails, Client::make returns its error.
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

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_CONFIG_HPP
