// A scenario's settings and callbacks, whose state outlives the client.

#pragma once

#include <atomic>
#include <countersign.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "sandbox.hpp"

namespace scenarios {

/// The listener's calls since the start of the scenario.
struct Heard {
    std::mutex lock;
    std::map<std::string, int> changes{{"obtained", 0}, {"rotated", 0}, {"forgotten", 0}};
};

/// Builds the clients of a scenario.
class Stage {
  public:
    Stage(const Sandbox &sandbox, const nlohmann::json &scenario);

    /// Builds another client with the same settings and callbacks.
    countersign::Result<countersign::Client> client();
    /// Returns the client's time, in seconds since 1970.
    std::int64_t now_s() const;
    /// Advances the client's clock and the sandbox's.
    void advance(std::int64_t seconds);

    std::shared_ptr<Heard> heard = std::make_shared<Heard>();

  private:
    countersign::Result<countersign::Config> config();
    countersign::Result<void> add_callbacks(countersign::Config &config);
    countersign::Result<countersign::Client> plugins_client(const countersign::Config &config) const;

    const Sandbox &sandbox_;
    std::string connection_;
    std::optional<std::string> plugin_;
    nlohmann::json settings_;
    bool clock_, signer_, signer_fails_, listener_;
    std::shared_ptr<std::atomic<std::int64_t>> ahead_s_ = std::make_shared<std::atomic<std::int64_t>>(0);
    std::shared_ptr<countersign::Key> key_;
};

/// Parses `[connections.NAME]` of the sandbox's file: one `name = "value"` per line, up to the next
/// blank line.
std::map<std::string, std::string> connection_settings(const std::string &path, const std::string &name);

}  // namespace scenarios
