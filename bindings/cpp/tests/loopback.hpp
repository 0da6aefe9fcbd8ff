// An HTTP server on loopback, for tests.

#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace loopback {

/// A request that a server received. The names of its headers are in lower case.
struct Request {
    std::string method, path, body;
    std::map<std::string, std::string> headers;
};

/// Where a server listens.
struct Server {
    std::string port, origin;
};

inline bool receive(int connection, std::string &text) {
    char part[4096];
    const auto count = ::recv(connection, part, sizeof part, 0);
    if (count <= 0) return false;
    text.append(part, static_cast<std::size_t>(count));
    return true;
}

/// Reads a request. Returns nothing if the connection ends before the request does.
inline std::optional<Request> read(int connection) {
    std::string text;
    std::size_t end;
    while ((end = text.find("\r\n\r\n")) == std::string::npos) {
        if (!receive(connection, text)) return std::nullopt;
    }
    Request request;
    request.method = text.substr(0, text.find(' '));
    const auto path = text.find(' ') + 1;
    request.path = text.substr(path, text.find(' ', path) - path);
    for (auto start = text.find("\r\n") + 2; start < end; start = text.find("\r\n", start) + 2) {
        const auto colon = text.find(": ", start);
        auto name = text.substr(start, colon - start);
        for (auto &c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        const auto value = text.substr(colon + 2, text.find("\r\n", start) - colon - 2);
        if (!request.headers.emplace(name, value).second) throw std::runtime_error("two headers " + name);
    }
    request.body = text.substr(end + 4);
    const auto length = request.headers.find("content-length");
    while (length != request.headers.end() && request.body.size() < std::stoul(length->second)) {
        if (!receive(connection, request.body)) return std::nullopt;
    }
    return request;
}

/// Starts a server, which runs until the process exits. It sends what `respond` returns: a whole
/// response with `Connection: close`. It handles one request at a time.
inline Server serve(std::function<std::string(Request)> respond) {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto *any = reinterpret_cast<sockaddr *>(&address);
    if (::bind(listener, any, size) != 0 || ::listen(listener, 16) != 0 || ::getsockname(listener, any, &size) != 0) {
        throw std::runtime_error("no free port");
    }
    std::thread([listener, respond = std::move(respond)] {
        for (;;) {
            const int connection = ::accept(listener, nullptr, nullptr);
            if (connection < 0) return;
            if (auto request = read(connection)) {
                const auto text = respond(std::move(*request));
                static_cast<void>(!::send(connection, text.data(), text.size(), MSG_NOSIGNAL));
            }
            ::close(connection);
        }
    }).detach();
    const auto port = std::to_string(ntohs(address.sin_port));
    return {port, "http://127.0.0.1:" + port};
}

}  // namespace loopback
