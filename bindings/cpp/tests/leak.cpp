// Creates, uses and drops clients, keys and errors ten thousand times, and gets some hundred
// tokens. The process's memory must not grow after the first two thousand rounds.

#include <countersign.hpp>
#include <cstdio>
#include <fstream>
#include <string>

namespace {

long resident_kb() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind("VmRSS:", 0) == 0) return std::stol(line.substr(6));
    }
    return 0;
}

void round(const std::string &connections, int number) {
    auto config = countersign::Config::load("boldsign-cc", connections).value();
    config.set("store", "memory").value();
    config.set_listener([kept = std::string(1000, 'x')](auto, auto) { static_cast<void>(kept); }).value();
    const auto client = countersign::Client::make(config).value();
    static_cast<void>(client.complete_login(countersign::Login(), "x").has_value());
    static_cast<void>(config.set("subjekt", "x").error().retry_after());
    const auto key = countersign::Key::from_secret("0123456789abcdef0123456789abcdef").value();
    key.verify(key.sign("{\"sub\":\"somebody\"}").value().str()).value();
    if (number % 40 == 0) client.token().value();
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    const std::string connections = std::string(argv[1]) + "/connections.toml";
    for (int number = 0; number < 2000; ++number) round(connections, number);
    const long before = resident_kb();
    for (int number = 0; number < 10000; ++number) round(connections, number);
    const long grown = resident_kb() - before;
    std::printf("leak loop: 10000 rounds, %ld KiB more than after the first 2000\n", grown);
    return grown < 4096 ? 0 : 1;
}
