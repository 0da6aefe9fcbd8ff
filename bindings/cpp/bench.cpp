// Measures the cost of a cached token through C and through countersign.hpp: the median and the
// minimum of 101 rounds, as a line of JSON per measurement. It measures the thread's CPU time, so
// that other processes matter less.

#include <algorithm>
#include <array>
#include <countersign.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

/// Keeps the compiler from optimizing the measured code away.
volatile std::size_t sink;

/// Returns this thread's CPU time.
double thread_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void report(const std::string &what, std::vector<double> rounds) {
    std::sort(rounds.begin(), rounds.end());
    std::printf("{\"what\":\"%s\",\"ns\":%.1f,\"min_ns\":%.1f}\n", what.c_str(), rounds[rounds.size() / 2], rounds[0]);
    std::fflush(stdout);
}

template <typename Call>
std::vector<double> rounds_of(std::size_t calls, const Call &call) {
    std::vector<double> rounds;
    for (int round = 0; round < 101; ++round) {
        const double start = thread_ns();
        for (std::size_t index = 0; index < calls; ++index) call();
        rounds.push_back((thread_ns() - start) / static_cast<double>(calls));
    }
    return rounds;
}

template <typename Call>
void measure(const char *what, std::size_t calls, const Call &call) {
    report(what, rounds_of(calls, call));
}

/// Measures the cost per call with several threads on one client.
void measure_threads(const countersign::Client &client, std::size_t count, std::size_t calls) {
    std::vector<double> all;
    std::mutex lock;
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < count; ++thread) {
        threads.emplace_back([&] {
            std::array<char, 4096> buffer{};
            std::size_t length = 0;
            const auto rounds = rounds_of(calls, [&] {
                ::csign_client_copy_token(client.get(), 0, buffer.data(), buffer.size(), &length, nullptr);
            });
            const std::lock_guard<std::mutex> guard(lock);
            all.insert(all.end(), rounds.begin(), rounds.end());
        });
    }
    for (auto &thread : threads) thread.join();
    report("C: csign_client_copy_token, " + std::to_string(count) + " threads", all);
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
    std::printf("{\"what\":\"length of the token\",\"bytes\":%zu}\n", client.access_token().value().size());

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
    measure("C++: copy_token into a reused string", calls, [&] {
        static_cast<void>(client.copy_token(reused).has_value());
        sink = reused.size();
    });
    measure("C++: access_token, a new string", calls, [&] { sink = client.access_token().value().size(); });
    measure("C++: token, an object", calls, [&] {
        const auto token = client.token().value();
        sink = token.access_token().size();
    });
    measure_threads(client, 2, calls);
    return 0;
}
