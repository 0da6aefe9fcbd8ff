// Tokens by every flow, from the sandbox. Start it anew for each run, with a new folder, and give this program that
// folder; PREFIX is where `cargo xtask dist --prefix PREFIX` installed:
//
//     PREFIX/bin/countersign-sandbox --tls --dir sandbox &
//     export PKG_CONFIG_PATH=PREFIX/lib/pkgconfig
//     c++ -std=c++17 five_jobs.cpp $(pkg-config --cflags --libs countersign) -Wl,-rpath,PREFIX/lib -o five_jobs
//     ./five_jobs sandbox
//
// Where a person would use a browser, this runs curl.

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

/// The sandbox's folder, a clock that can be put forward, and what the jobs heard.
class Stage {
  public:
    explicit Stage(std::string folder) : folder_(std::move(folder)) {}

    /// A client of a connection of the sandbox's connections.toml.
    Client client(std::string_view connection) {
        auto config = countersign::Config::load(connection, folder_ + "/connections.toml").value();
        config.set_clock([this] { return now(); }).value();
        config.set_listener([this](countersign::Change change, const countersign::TokenView *) {
            if (change == countersign::Change::rotated) ++rotated;
        }).value();
        return Client::make(config).value();
    }

    /// Opens a page as a browser does; the sandbox takes `_sandbox=allow` for a person who presses "Allow".
    bool allow(std::string_view url, std::string_view option = "") const {
        return curl(std::string(option) + " '" + std::string(url) + "&_sandbox=allow'");
    }

    /// A whole login. The browser goes on by itself, and comes back to the library's listener.
    Token login(const Client &client) const {
        std::thread browser;
        auto token = client.login([&](std::string_view url) {
            browser = std::thread([this, url = std::string(url)] { allow(url, "--location"); });
            return true;
        }, 20s);
        if (browser.joinable()) browser.join();
        return std::move(token).value();
    }

    /// The vendor's clock and this program's. `url` is any URL of the sandbox's.
    void put_forward(std::string_view url, std::chrono::seconds by) {
        const auto end = url.find('/', url.find("://") + 3);
        const auto body = "{\"offset_s\": " + std::to_string(by.count()) + "}";
        if (!curl("--json '" + body + "' '" + std::string(url.substr(0, end)) + "/_sandbox/clock'")) {
            throw std::runtime_error("the sandbox's clock cannot be set");
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
    if (!holds) throw std::runtime_error(std::string("this does not hold: ") + what);
}

std::string_view name(countersign::Source source) {
    switch (source) {
        case countersign::Source::minted: return "minted";
        case countersign::Source::refreshed: return "refreshed";
        case countersign::Source::cache: return "cache";
        case countersign::Source::store: return "store";
    }
    return "?";
}

/// One line on a token; the token itself is not shown.
void show(std::string_view connection, const Token &token) {
    std::cout << std::left << std::setw(27) << connection << std::setw(10) << name(token.source()) << std::right
              << std::setw(4) << token.value().size() << " chars  ";
    if (const auto end = token.expires_at()) {
        const auto left = *end - std::chrono::system_clock::now();
        std::cout << std::chrono::duration_cast<std::chrono::seconds>(left).count() << " s  ";
    } else {
        std::cout << "no expiry told  ";
    }
    std::cout << token.extra_json() << '\n';
}

/// What a person has to do, from an error whose verdict is reauthorize.
void show(std::string_view connection, const countersign::Error &error) {
    ensure(error.verdict() == countersign::Verdict::reauthorize, "a person must act");
    std::cout << std::left << std::setw(27) << connection << error.kind() << ": ";
    if (const auto url = error.url(); !url.empty()) {
        std::cout << "open " << url << '\n';
    } else {
        std::cout << error.hint() << '\n';
    }
}

/// 1: assertions by RS256, RS384 and RS512; another client finds the token in the store.
void docusign_jwt(Stage &stage) {
    for (const auto *connection : {"docusign-jwt", "docusign-jwt-rs384", "docusign-jwt-rs512"}) {
        const auto client = stage.client(connection);
        const auto token = client.token().value();
        ensure(token.source() == countersign::Source::minted, "the token was asked for: the sandbox's folder holds none yet");
        ensure(token.expires_at().has_value(), "DocuSign says when a token ends");
        show(connection, token);
        std::cout << std::string(27, ' ') << client.identity().value().str() << '\n';
        const auto again = stage.client(connection).token().value();
        ensure(again.source() == countersign::Source::store, "another client finds the token in the store");
    }
}

/// 2: nobody has consented yet: the error has the URL; after that there is a token.
void docusign_consent(Stage &stage) {
    const auto *connection = "docusign-jwt-unconsented";
    const auto client = stage.client(connection);
    const auto refused = client.token();
    ensure(!refused.ok(), "there is no token before consent");
    ensure(refused.error().status() == CSIGN_STATUS_CONSENT_REQUIRED, "what is missing is consent");
    show(connection, refused.error());
    ensure(stage.allow(refused.error().url()), "the person can consent");
    show(connection, client.token().value());
}

/// 3: the login host, a My Domain, an Experience Cloud site.
void salesforce_three_hosts(Stage &stage) {
    for (const auto *connection : {"salesforce-jwt", "salesforce-mydomain-jwt", "salesforce-site-jwt"}) {
        const auto token = stage.client(connection).token().value();
        show(connection, token);
        ensure(!token.expires_at(), "Salesforce does not say when a token ends");
        ensure(!token.extra("instance_url").empty(), "Salesforce says where its API is");
    }
}

/// 4: a login, two refreshes, and client credentials.
void boldsign_login_and_refresh(Stage &stage) {
    const auto client = stage.client("boldsign-code");
    show("boldsign-code", stage.login(client));
    for (int round = 0; round < 2; ++round) show("boldsign-code", client.refresh().value());
    show("boldsign-cc", stage.client("boldsign-cc").token().value());
}

/// 5: a login, three refreshes that each replace the refresh token, and 31 days of nothing.
void docusign_rotation(Stage &stage) {
    const auto client = stage.client("docusign-code");
    show("docusign-code", stage.login(client));
    std::cout << std::string(27, ' ') << client.identity().value().str() << '\n';
    stage.rotated = 0;
    for (int round = 0; round < 3; ++round) show("docusign-code", client.refresh().value());
    ensure(stage.rotated == 3, "each refresh brought another refresh token");

    // Longer than the 30 days after which an unused refresh token ends.
    const auto login = client.start_login().value();
    stage.put_forward(login.url(), 31 * 24h);
    const auto ended = client.token();
    stage.put_forward(login.url(), 0s);
    ensure(ended.error().status() == CSIGN_STATUS_LOGIN_REQUIRED, "an expired refresh token means a login");
    show("docusign-code", ended.error());
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
        std::cerr << error.message() << " (" << name(error.verdict()) << "); " << error.hint() << '\n';
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
    }
    return 1;
}
