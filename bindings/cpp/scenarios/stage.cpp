#include "stage.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace scenarios {

using countersign::Client;
using countersign::Config;
using countersign::Result;

namespace {

std::int64_t unix_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string content(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

Stage::Stage(const Sandbox &sandbox, const nlohmann::json &scenario)
    : sandbox_(sandbox),
      connection_(scenario.at("connection")),
      settings_(scenario.value("settings", nlohmann::json::object())),
      clock_(scenario.value("clock", false)),
      signer_(scenario.contains("signer")),
      signer_fails_(signer_ && scenario["signer"] == "fails"),
      listener_(scenario.value("listener", false)) {
    if (scenario.contains("plugin")) plugin_ = scenario["plugin"].get<std::string>();
    if (signer_) {
        const auto file = connection_settings(sandbox.connections, connection_).at("private_key_file");
        key_ = std::make_shared<countersign::Key>(countersign::Key::read(content(file)).value());
    }
}

Result<Client> Stage::client() {
    auto made = config();
    if (!made) return made.error();
    auto added = add_callbacks(made.value());
    if (!added) return added.error();
    return plugin_ ? plugins_client(made.value()) : Client::make(made.value());
}

std::int64_t Stage::now_s() const { return unix_ms() / 1000 + *ahead_s_; }

void Stage::advance(std::int64_t seconds) {
    *ahead_s_ += seconds;
    sandbox_.post("/_sandbox/clock", nlohmann::json{{"offset_s", ahead_s_->load()}}.dump());
}

Result<Config> Stage::config() {
    auto made = Config::load(connection_, sandbox_.connections);
    if (!made) return made;
    auto &config = made.value();
    Result<void> changed = config.set("store", "memory");
    for (const auto &[key, value] : settings_.items()) {
        if (changed) changed = value.is_null() ? config.unset(key) : config.set(key, value.get<std::string>());
    }
    if (!changed) return changed.error();
    return made;
}

Result<void> Stage::add_callbacks(Config &config) {
    Result<void> added;
    if (clock_) {
        added = config.set_clock([ahead_s = ahead_s_]() -> std::optional<countersign::Moment> {
            const auto boot = std::chrono::steady_clock::now().time_since_epoch();
            const std::chrono::seconds ahead(ahead_s->load());
            return countersign::Moment{std::chrono::milliseconds(unix_ms()) + ahead,
                                       std::chrono::duration_cast<std::chrono::milliseconds>(boot) + ahead};
        });
    }
    if (added && signer_) {
        added = config.set_signer("RS256", "", [key = key_, fails = signer_fails_](std::string_view input) {
            if (fails) throw std::runtime_error("asked for by the scenario");
            return key->sign_bytes(input, "RS256").value();
        });
    }
    if (added && listener_) {
        added = config.set_listener([heard = heard](countersign::Change change, const countersign::TokenView *) {
            const std::lock_guard<std::mutex> guard(heard->lock);
            // A rotation also obtains a new token.
            if (change != countersign::Change::forgotten) ++heard->changes["obtained"];
            if (change == countersign::Change::rotated) ++heard->changes["rotated"];
            if (change == countersign::Change::forgotten) ++heard->changes["forgotten"];
        });
    }
    return added;
}

/// The registry is destroyed with the scope. The client keeps working.
Result<Client> Stage::plugins_client(const Config &config) const {
    auto registry = countersign::Registry::make();
    if (!registry) return registry.error();
    const auto loaded = registry.value().load_plugin(*plugin_);
    if (!loaded) return loaded.error();
    return Client::make(config, registry.value());
}

std::map<std::string, std::string> connection_settings(const std::string &path, const std::string &name) {
    std::istringstream lines(content(path));
    std::map<std::string, std::string> settings;
    bool found = false;
    for (std::string line; std::getline(lines, line);) {
        if (line == "[connections." + name + "]") {
            found = true;
        } else if (found && line.empty()) {
            break;
        } else if (found) {
            const auto equals = line.find(" = ");
            settings[line.substr(0, equals)] = nlohmann::json::parse(line.substr(equals + 3)).get<std::string>();
        }
    }
    if (!found) throw std::runtime_error("there is no connection " + name);
    return settings;
}

}  // namespace scenarios
