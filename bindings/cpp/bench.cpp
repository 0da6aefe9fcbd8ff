// What a token from memory costs through C and through countersign.hpp: the median of eleven rounds, one line of JSON
// for each measurement.

#include <algorithm>
#include <array>
#include <chrono>
#include <countersign.hpp>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

/// Keeps the compiler from leaving out what is measured.
volatile std::size_t sink;

template <typename Call>
void measure(const char *what, std::size_t calls, const Call &call) {
    std::array<double, 11> rounds{};
    for (auto &round : rounds) {
        const auto start = std::chrono::steady_clock::now();
        for (std::size_t index = 0; index < calls; ++index) call();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        round = took.count() / static_cast<double>(calls);
    }
    std::nth_element(rounds.begin(), rounds.begin() + 5, rounds.end());
    std::printf("{\"what\":\"%s\",\"ns\":%.1f}\n", what, rounds[5]);
    std::fflush(stdout);
}

/// The same from several threads at once, on one client: what one call costs one of them.
void measure_threads(const countersign::Client &client, std::size_t count, std::size_t calls) {
    const std::string what = "C: csign_client_copy_token, " + std::to_string(count) + " threads";
    std::vector<double> rounds;
    for (int round = 0; round < 11; ++round) {
        std::vector<std::thread> threads;
        const auto start = std::chrono::steady_clock::now();
        for (std::size_t thread = 0; thread < count; ++thread) {
            threads.emplace_back([&] {
                std::array<char, 4096> buffer{};
                std::size_t length = 0;
                for (std::size_t index = 0; index < calls; ++index) {
                    ::csign_client_copy_token(client.get(), 0, buffer.data(), buffer.size(), &length, nullptr);
                }
            });
        }
        for (auto &thread : threads) thread.join();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        rounds.push_back(took.count() / static_cast<double>(calls));
    }
    std::nth_element(rounds.begin(), rounds.begin() + 5, rounds.end());
    std::printf("{\"what\":\"%s\",\"ns\":%.1f}\n", what.c_str(), rounds[5]);
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s SANDBOX_FOLDER CALLS\n", argv[0]);
        return 2;
    }
    auto config = countersign::Config::load("docusign-jwt", std::string(argv[1]) + "/connections.toml").value();
    config.set("store", "memory").value();
    const auto client = countersign::Client::make(config).value();
    const auto calls = static_cast<std::size_t>(std::strtoull(argv[2], nullptr, 10));
    std::printf("{\"what\":\"length of the token\",\"bytes\":%zu}\n", client.token().value().value().size());

    measure("C: empty call (csign_abi_version)", calls * 10, [] { sink = ::csign_abi_version(); });
    std::array<char, 4096> buffer{};
    measure("C: csign_client_copy_token", calls, [&] {
        std::size_t length = 0;
        ::csign_client_copy_token(client.get(), 0, buffer.data(), buffer.size(), &length, nullptr);
        sink = length;
    });
    measure("C: csign_client_peek_token", calls, [&] {
        std::size_t length = 0;
        ::csign_client_peek_token(client.get(), buffer.data(), buffer.size(), &length, nullptr);
        sink = length;
    });
    measure("C: csign_client_token and csign_token_free", calls, [&] {
        csign_token *token = nullptr;
        ::csign_client_token(client.get(), 0, &token, nullptr);
        ::csign_token_free(token);
    });
    std::string reused;
    measure("C++: copy_token into a string that is used again", calls, [&] {
        static_cast<void>(client.copy_token(reused).ok());
        sink = reused.size();
    });
    measure("C++: access_token, a new string", calls, [&] { sink = client.access_token().value().size(); });
    measure("C++: token, an object", calls, [&] { sink = client.token().value().value().size(); });
    measure_threads(client, 2, calls);
    measure_threads(client, 16, calls / 8 + 1);
    return 0;
}
