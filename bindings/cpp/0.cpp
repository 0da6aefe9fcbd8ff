#include <countersign.hpp>
#include <iostream>

int main() {
    auto config = countersign::Config::load("docusign-jwt").value();
    auto client = countersign::Client::make(config).value();
    auto token = client.token();
    if (!token) {
        std::cerr << token.error().message() << "; " << token.error().hint() << '\n';
        return 1;
    }
    std::cout << "Authorization: " << token.value().type() << " ... (" << token.value().value().size() << " bytes)\n";
}
