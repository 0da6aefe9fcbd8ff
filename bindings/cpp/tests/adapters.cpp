// Runs tests/adapters/cases.json with countersign/curl.hpp, and tests what those cases don't cover.
//
//   adapters SANDBOX_FOLDER CASES

#include <countersign/curl.hpp>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "loopback.hpp"

using namespace countersign;
using nlohmann::json;

namespace {

struct Failed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void ensure(bool holds, const std::string &what) {
    if (!holds) throw Failed(what);
}

using Easy = std::unique_ptr<CURL, void (*)(CURL *)>;

Easy easy() {
    Easy made(curl_easy_init(), &curl_easy_cleanup);
    curl_easy_setopt(made.get(), CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(made.get(), CURLOPT_NOSIGNAL, 1L);
    return made;
}

/// A request that one of the servers received.
struct Received : loopback::Request {
    std::string to;
};

/// What the servers received, in one order, and their next responses.
struct Record {
    std::mutex lock;
    std::vector<Received> received;
    std::map<std::string, std::deque<json>> responses;
};

/// Two servers, and a client of the sandbox.
class Stage {
  public:
    explicit Stage(const std::string &dir) : dir_(dir) {}

    /// Returns a client, of a vendor that profiles/ describes if it is named.
    Client client(const std::string &provider = {}) const {
        auto config = Config::load(provider.empty() ? "docusign-jwt" : "salesforce-cc", dir_ + "/connections.toml").value();
        config["store"] = "memory";
        if (!provider.empty()) {
            config["provider"] = provider;
            config.unset("environment").value();
        }
        return Client::make(config).value();
    }

    /// Forgets what the servers received, and sets their responses.
    void prepare(const json &responses) {
        const std::lock_guard<std::mutex> guard(record->lock);
        record->received.clear();
        record->responses.clear();
        for (auto response : responses) {
            if (response.contains("location")) response["location"] = replaced(response["location"]);
            record->responses[response.at("at")].push_back(response);
        }
    }

    std::vector<Received> received() {
        const std::lock_guard<std::mutex> guard(record->lock);
        return record->received;
    }

    std::string replaced(std::string text) const {
        for (const auto &[name, with] : {std::pair{std::string("{api}"), api.origin},
                                         {std::string("{other}"), other.origin}, {std::string("{port}"), api.port}}) {
            const auto at = text.find(name);
            if (at != std::string::npos) text.replace(at, name.size(), with);
        }
        return text;
    }

    std::shared_ptr<Record> record = std::make_shared<Record>();
    const loopback::Server api = serve("api"), other = serve("other");

  private:
    /// Starts a server that records its requests and sends the responses that are prepared for it.
    loopback::Server serve(const std::string &name) const {
        return loopback::serve([name, record = record](loopback::Request request) {
            const std::lock_guard<std::mutex> guard(record->lock);
            record->received.push_back({std::move(request), name});
            auto &left = record->responses[name];
            json response{{"status", 200}};
            if (!left.empty()) {
                response = left.front();
                left.pop_front();
            }
            std::string text = "HTTP/1.1 " + std::to_string(response.at("status").get<int>()) + " Status\r\n";
            if (response.contains("location")) text += "Location: " + response["location"].get<std::string>() + "\r\n";
            return text + "Content-Length: 2\r\nConnection: close\r\n\r\nok";
        });
    }

    std::string dir_;
};

/// A body that is read once.
struct Stream {
    std::string left;
    static std::size_t read(char *to, std::size_t size, std::size_t count, void *stream) {
        auto &left = static_cast<Stream *>(stream)->left;
        const auto length = std::min(size * count, left.size());
        std::memcpy(to, left.data(), length);
        left.erase(0, length);
        return length;
    }
};

void upload(CURL *handle, Stream &stream) {
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, static_cast<long>(stream.left.size()));
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, &Stream::read);
    curl_easy_setopt(handle, CURLOPT_READDATA, &stream);
}

using Headers = std::map<std::string, std::string>;

/// Returns the headers that carry a token, with names in lower case.
Headers headers_of(const Token &token) {
    Headers headers;
    for (const auto &[name, value] : token.headers().value()) headers[curl::detail::lower(std::string(name))] = value;
    return headers;
}

void play(Stage &stage, const json &one) {
    const bool has_redirects = one.value("redirects", false);
    const auto &expect = has_redirects ? one.at("not_followed") : one;
    const auto client = stage.client(one.value("provider", ""));
    const auto first = headers_of(client.token().value());
    Headers second;
    stage.prepare(one.at("responses"));

    json status = json::array();
    const auto handle = easy();
    for (const auto &call : one.at("calls")) {
        curl::Request request{stage.replaced(call.at("url"))};
        Stream stream;
        if (call.contains("authorization")) {
            request.headers.push_back("authorization: " + call["authorization"].get<std::string>());
        }
        if (call.value("stream", false)) {
            stream.left = call.at("body");
            upload(handle.get(), stream);
        } else if (call.contains("body")) {
            request.body = call["body"];
        }
        status.push_back(curl::send(client, handle.get(), request).value().status);
        curl_easy_setopt(handle.get(), CURLOPT_HTTPGET, 1L);
    }
    ensure(status == expect.at("status"), "the statuses are " + status.dump());

    json sent = json::array();
    for (const auto &request : stage.received()) {
        Headers token;
        for (const auto &[name, value] : first) {
            const auto header = request.headers.find(name);
            if (header != request.headers.end()) token[name] = header->second;
        }
        if (token.size() == first.size() && token != first && second.empty()) second = token;
        json entry{{"to", request.to}, {"path", request.path},
                   {"token", token.empty() ? "none" : token == first ? "first" : token == second ? "second" : "third"}};
        if (!request.body.empty()) entry["body"] = request.body;
        sent.push_back(entry);
    }
    ensure(sent == expect.at("sent"), "the servers received " + sent.dump());
}

void clear_text(Stage &stage, const json &urls) {
    const auto client = stage.client();
    const auto handle = easy();
    stage.prepare(json::array());
    for (const auto &url : urls.at("rejected")) {
        const auto sent = curl::send(client, handle.get(), {stage.replaced(url)});
        ensure(!sent && sent.error().kind() == Kind::usage, url.dump() + " is not rejected");
    }
    ensure(client.count(Counter::minted).value() == 0, "a token was requested for a rejected URL");
    for (const auto &url : urls.at("sent")) {
        ensure(curl::send(client, handle.get(), {stage.replaced(url)}).value().status == 200, url.dump());
    }
    const auto received = stage.received();
    ensure(received.size() == urls.at("sent").size(), "some requests did not arrive");
    for (const auto &request : received) {
        ensure(request.headers.at("authorization") == "Bearer " + client.access_token().value(), "no token");
    }
}

/// Counts its calls, and returns another token after an invalidation.
class Fake : public TokenSource {
  public:
    Result<Token> token(std::chrono::milliseconds) const override { return Token::bearer("t" + std::to_string(number)); }
    Result<void> invalidate(std::string_view) const override { return ++number, Result<void>(); }

    mutable int number = 1;
};

void origins(Stage &stage) {
    const Fake fake;
    const auto handle = easy();
    stage.prepare(json::array());
    curl::Request request{stage.api.origin + "/a"};
    request.origins = {"https://api.example.com", stage.other.origin};
    const auto rejected = curl::send(fake, handle.get(), request);
    ensure(!rejected && rejected.error().kind() == Kind::usage && stage.received().empty(), "another origin");
    request.origins.push_back(stage.api.origin + "/ignored/path");
    ensure(curl::send(fake, handle.get(), request).value().status == 200, "an allowed origin");
    request.origins = {"api"};
    ensure(!curl::send(fake, handle.get(), request), "an origin that is no URL");
}

/// A stream that can be rewound is sent again.
void rewinds(Stage &stage) {
    const Fake fake;
    const auto handle = easy();
    stage.prepare(json::array({{{"at", "api"}, {"status", 401}}}));
    Stream stream{"again"};
    upload(handle.get(), stream);
    curl::Request request{stage.api.origin + "/a"};
    request.rewind = [&] { return stream.left = "again", true; };
    ensure(curl::send(fake, handle.get(), request).value().status == 200, "the second response");
    const auto received = stage.received();
    ensure(received.size() == 2 && received[1].body == "again", "the body was not sent again");
    ensure(received[0].headers.at("authorization") == "Bearer t1" &&
               received[1].headers.at("authorization") == "Bearer t2", "the tokens of a fake");
}

/// The handle keeps no pointer to the request, and the response has what the server sent.
void responses(Stage &stage) {
    const Fake fake;
    const auto handle = easy();
    stage.prepare(json::array({{{"at", "api"}, {"status", 201}}}));
    curl::Request request{stage.api.origin + "/a"};
    request.method = "PATCH";
    request.headers = {"Content-Type: application/json"};
    request.body = "{}";
    const auto created = curl::send(fake, handle.get(), request).value();
    ensure(created.status == 201 && created.body == "ok" && created.headers.size() == 2 &&
               created.headers[0] == "Content-Length: 2", "the response");
    ensure(curl::send(fake, handle.get(), {stage.api.origin + "/b"}).value().status == 200, "the second request");
    const auto received = stage.received();
    ensure(received.at(0).method == "PATCH" && received[0].body == "{}" &&
               received[0].headers.at("content-type") == "application/json", "the first request");
    ensure(received.at(1).method == "GET" && received[1].body.empty() &&
               received[1].headers.at("accept") == "*/*" && received[1].headers.count("content-type") == 0,
           "the second request has parts of the first");
}

/// An API that can't be reached, and a source without tokens.
void failures(Stage &stage) {
    const auto handle = easy();
    const auto unreachable = curl::send(Fake(), handle.get(), {"http://127.0.0.1:1/"});
    ensure(!unreachable && unreachable.error().kind() == Kind::connect && unreachable.error().retryable(), "connect");
    const auto tokenless = curl::send(Client(), handle.get(), {stage.api.origin + "/"});
    ensure(!tokenless && tokenless.error().status() == Status::null_argument, "no token");
}

int run(const char *dir, const char *path) {
    std::ifstream file(path);
    const auto cases = json::parse(file);
    Stage stage(dir);
    int failed = 0, played = 0;
    const auto attempt = [&](const std::string &name, const auto &test) {
        ++played;
        try {
            test();
        } catch (const std::exception &error) {
            std::printf("adapters.cpp: %s: %s\n", name.c_str(), error.what());
            ++failed;
        }
    };
    for (const auto &one : cases.at("cases")) attempt(one.at("name"), [&] { play(stage, one); });
    attempt("clear text", [&] { clear_text(stage, cases.at("clear_text")); });
    attempt("origins", [&] { origins(stage); });
    attempt("rewinds", [&] { rewinds(stage); });
    attempt("responses", [&] { responses(stage); });
    attempt("failures", [&] { failures(stage); });
    std::printf("adapters: %d of %d passed\n", played - failed, played);
    return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    return run(argv[1], argv[2]);
}
