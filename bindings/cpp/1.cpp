#include <countersign.hpp>

int main() {
    auto config = countersign::Config::make({{"provider", "boldsign"},
                                             {"grant", "client-credentials"},
                                             {"client_id", "my-app"},
                                             {"client_secret", "from your secret store"}}).value();
    config.set("timeout_ms", "5000").value();
    auto client = countersign::Client::make(config).value();
    return client.count(countersign::Counter::minted).value() == 0 ? 0 : 1;
}
