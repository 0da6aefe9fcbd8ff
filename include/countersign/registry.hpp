// The providers that clients can use.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_REGISTRY_HPP
#define COUNTERSIGN_REGISTRY_HPP

#include <cstdint>
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

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_REGISTRY_HPP
