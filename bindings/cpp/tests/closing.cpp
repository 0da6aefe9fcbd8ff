// Closing a client waits for a request that was sent. The only argument is an empty folder.

#include <atomic>
#include <countersign.hpp>
#include <cstdio>
#include <future>
#include <stdexcept>
#include <string>

#include "loopback.hpp"

using namespace countersign;
using namespace std::chrono_literals;

namespace {

/// A token endpoint that rotates the refresh token and holds its response until it is released. It
/// runs until the process exits.
class HeldServer {
public:
    const std::string &url() const { return server_.origin; }
    int requests() const { return requests_; }
    void release() { released_.set_value(); }

    bool has_arrived(std::chrono::seconds within) {
        return arrived_.get_future().wait_for(within) == std::future_status::ready;
    }

private:
    std::string respond() {
        if (++requests_ == 1) arrived_.set_value();
        is_released_.wait();
        const std::string body =
            R"({"access_token":"rotated","token_type":"Bearer","expires_in":3600,"refresh_token":"next"})";
        return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }

    std::atomic<int> requests_{0};
    std::promise<void> arrived_, released_;
    const std::shared_future<void> is_released_ = released_.get_future().share();
    const loopback::Server server_ = loopback::serve([this](const loopback::Request &) { return respond(); });
};

Client client_of(const HeldServer &server, const std::string &folder) {
    auto config = Config::make({{"provider", "boldsign"},
                                {"environment", "us"},
                                {"grant", "refresh-token"},
                                {"base_url", server.url()},
                                {"client_id", "my-app"},
                                {"client_secret", "s3cret"},
                                {"redirect_uri", "http://127.0.0.1/callback"},
                                // A unique one: the library remembers spent ones independently of
                                // the store.
                                {"refresh_token", "first of " + folder},
                                {"store", "file:" + folder + "/tokens"}})
                      .value();
    config.set_name("held").value();
    return Client::make(config).value();
}

void close_waits_for_a_refresh_that_was_sent(const std::string &folder) {
    auto &server = *new HeldServer;
    const auto client = client_of(server, folder);
    auto asked = std::async(std::launch::async, [&] { return client.token().has_value(); });
    if (!server.has_arrived(20s)) throw std::runtime_error("no request arrived");
    auto closed = std::async(std::launch::async, [&] { return client.close().has_value(); });
    const bool premature = closed.wait_for(300ms) == std::future_status::ready;
    server.release();
    if (premature) throw std::runtime_error("close() returned before the response arrived");
    if (!closed.get() || !asked.get()) throw std::runtime_error("close() or the call in progress failed");
    const auto stored = client_of(server, folder).access_token().value();
    if (stored != "rotated" || server.requests() != 1) throw std::runtime_error("the new token was not stored");
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    try {
        close_waits_for_a_refresh_that_was_sent(argv[1]);
    } catch (const std::exception &error) {
        std::printf("closing.cpp: %s\n", error.what());
        return 1;
    }
    std::printf("closing: passed\n");
    return 0;
}
