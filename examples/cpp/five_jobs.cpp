// Obtains tokens with every grant from the sandbox.
//
// Start a sandbox with a new folder for each run, and pass that folder to this program. Install the
// library with `cargo xtask dist --prefix PREFIX` first.
//
//     PREFIX/bin/countersign-sandbox --tls --dir sandbox &
//     export PKG_CONFIG_PATH=PREFIX/lib/pkgconfig
//     c++ -std=c++17 five_jobs.cpp $(pkg-config --cflags --libs countersign) -Wl,-rpath,PREFIX/lib -o five_jobs
//     ./five_jobs sandbox
//
// curl takes the place of a person with a browser.

#include <atomic>
#include <chrono>
#include <countersign.hpp>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using countersign::Client;
using countersign::Token;

/// The sandbox's folder, a clock that can be advanced, and a count of rotations.
class Stage {
  public:
    explicit Stage(std::string folder) : folder_(std::move(folder)) {}

    /// Builds a client for a connection in the sandbox's connections.toml.
    Client client(std::string_view connection) {
        auto config = countersign::Config::load(connection, folder_ + "/connections.toml").value();
        config.set_clock([this] { return now(); }).value();
        config.set_listener([this](countersign::Change change, const countersign::TokenView *) {
            if (change == countersign::Change::rotated) ++rotated;
        }).value();
        return Client::make(config).value();
    }

    /// Opens a page like a browser. `_sandbox=allow` makes the sandbox act as if the user had
    /// pressed "Allow".
    bool allow(std::string_view url, std::string_view option = "") const {
        return curl(std::string(option) + " '" + std::string(url) + "&_sandbox=allow'");
    }

    /// Runs a complete login. The browser follows the redirect to the library's loopback server.
    Token login(const Client &client) const {
        std::thread browser;
        auto token = client.login([&](std::string_view url) {
            browser = std::thread([this, url = std::string(url)] { allow(url, "--location"); });
            return true;
        }, 20s);
        if (browser.joinable()) browser.join();
        return std::move(token).value();
    }

    /// Sets how far the vendor's clock and this program's are ahead. `url` is any URL of the
    /// sandbox.
    void set_clocks_ahead(std::string_view url, std::chrono::seconds by) {
        const auto end = url.find('/', url.find("://") + 3);
        const auto body = "{\"offset_s\": " + std::to_string(by.count()) + "}";
        if (!curl("--json '" + body + "' '" + std::string(url.substr(0, end)) + "/_sandbox/clock'")) {
            throw std::runtime_error("cannot set the sandbox's clock");
        }
        ahead_ = by;
    }

    std::atomic<int> rotated{0};

  private:
    countersign::Moment now() const {
        using std::chrono::duration_cast;
        using std::chrono::milliseconds;
        const auto unix_time = std::chrono::system_clock::now().time_since_epoch();
        const auto boot_time = std::chrono::steady_clock::now().time_since_epoch();
        return {duration_cast<milliseconds>(unix_time) + ahead_.load(),
                duration_cast<milliseconds>(boot_time) + ahead_.load()};
    }

    bool curl(const std::string &arguments) const {
        const auto command = "curl --silent --show-error --fail --output /dev/null --max-time 20 --cacert '" + folder_ +
                             "/ca.pem' " + arguments;
        return std::system(command.c_str()) == 0;
    }

    std::string folder_;
    std::atomic<std::chrono::seconds> ahead_{std::chrono::seconds(0)};
};

void ensure(bool holds, const char *what) {
    if (!holds) throw std::runtime_error(std::string("unexpected: not true that ") + what);
}

/// Prints one line about a token, without the token itself.
void show(std::string_view connection, const Token &token) {
    std::cout << std::left << std::setw(27) << connection << std::setw(10) << countersign::name(token.source()) << std::right
              << std::setw(4) << token.access_token().size() << " chars  ";
    if (const auto end = token.expires_at()) {
        const auto left = *end - std::chrono::system_clock::now();
        std::cout << std::chrono::duration_cast<std::chrono::seconds>(left).count() << " s  ";
    } else {
        std::cout << "no expiry  ";
    }
    std::cout << token.extra_json() << '\n';
}

/// Prints what a person has to do, from an error with the verdict reauthorize.
void show(std::string_view connection, const countersign::Error &error) {
    ensure(error.verdict() == countersign::Verdict::reauthorize, "a person must act");
    std::cout << std::left << std::setw(27) << connection << countersign::name(error.kind()) << ": ";
    if (const auto url = error.url(); !url.empty()) {
        std::cout << "open " << url << '\n';
    } else {
        std::cout << error.hint() << '\n';
    }
}

/// Job 1: assertions signed with RS256, RS384 and RS512. A second client finds the token in the
/// store.
void docusign_jwt(Stage &stage) {
    for (const auto *connection : {"docusign-jwt", "docusign-jwt-rs384", "docusign-jwt-rs512"}) {
        const auto client = stage.client(connection);
        const auto token = client.token().value();
        ensure(token.source() == countersign::Source::minted, "the token is new: the sandbox's folder is empty");
        ensure(token.expires_at().has_value(), "DocuSign returns when a token expires");
        show(connection, token);
        std::cout << std::string(27, ' ') << client.identity().value().at("base_uri") << '\n';
        const auto again = stage.client(connection).token().value();
        ensure(again.source() == countersign::Source::store, "another client finds the token in the store");
    }
}

/// Job 2: before consent, the error has the URL to open. After consent, there is a token.
void docusign_consent(Stage &stage) {
    const auto *connection = "docusign-jwt-unconsented";
    const auto client = stage.client(connection);
    const auto rejected = client.token();
    ensure(!rejected.has_value(), "there is no token before consent");
    ensure(rejected.error().status() == countersign::Status::consent_required, "consent is missing");
    show(connection, rejected.error());
    ensure(stage.allow(rejected.error().url()), "the user can consent");
    show(connection, client.token().value());
}

/// Job 3: the login host, a My Domain, and an Experience Cloud site.
void salesforce_three_hosts(Stage &stage) {
    for (const auto *connection : {"salesforce-jwt", "salesforce-mydomain-jwt", "salesforce-site-jwt"}) {
        const auto token = stage.client(connection).token().value();
        show(connection, token);
        ensure(!token.expires_at(), "Salesforce does not return when a token expires");
        ensure(!token.extra("instance_url").empty(), "Salesforce returns its API's URL");
    }
}

/// Job 4: a login, two refreshes, and client credentials.
void boldsign_login_and_refresh(Stage &stage) {
    const auto client = stage.client("boldsign-code");
    show("boldsign-code", stage.login(client));
    for (int round = 0; round < 2; ++round) show("boldsign-code", client.refresh().value());
    show("boldsign-cc", stage.client("boldsign-cc").token().value());
}

/// Job 5: a login, three refreshes that each rotate the refresh token, and then 31 idle days.
void docusign_rotation(Stage &stage) {
    const auto client = stage.client("docusign-code");
    show("docusign-code", stage.login(client));
    std::cout << std::string(27, ' ') << client.identity().value().at("base_uri") << '\n';
    stage.rotated = 0;
    for (int round = 0; round < 3; ++round) show("docusign-code", client.refresh().value());
    ensure(stage.rotated == 3, "each refresh returned a new refresh token");

    // An unused refresh token expires after 30 days.
    const auto login = client.start_login().value();
    stage.set_clocks_ahead(login.url(), 31 * 24h);
    const auto expired = client.token();
    stage.set_clocks_ahead(login.url(), 0s);
    ensure(expired.error().status() == countersign::Status::login_required, "an expired refresh token requires a login");
    show("docusign-code", expired.error());
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " SANDBOX_FOLDER\n";
        return 2;
    }
    try {
        Stage stage(argv[1]);
        docusign_jwt(stage);
        docusign_consent(stage);
        salesforce_three_hosts(stage);
        boldsign_login_and_refresh(stage);
        docusign_rotation(stage);
        std::cout << "all five jobs done\n";
        return 0;
    } catch (const countersign::Error &error) {
        std::cerr << error.message() << " (" << countersign::name(error.verdict()) << "); " << error.hint() << '\n';
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
    }
    return 1;
}
