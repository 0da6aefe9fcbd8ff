// Sends requests by libcurl with a client's token, and gets a new one after a 401. Needs libcurl 7.62
// or newer.
//
//     std::unique_ptr<CURL, void (*)(CURL *)> easy(curl_easy_init(), &curl_easy_cleanup);
//     auto response = countersign::curl::send(client, easy.get(), {"https://demo.docusign.net/restapi/v2.1/accounts"});
//     if (response) use(response->status, response->body);
//
// The token is sent over https, and over plain http only to `localhost` or a loopback address, and
// only to the request's origins if it lists any. Redirects are returned, not followed, because a
// token doesn't belong to another origin.

#ifndef COUNTERSIGN_CURL_HPP
#define COUNTERSIGN_CURL_HPP

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <curl/curl.h>

#include "../countersign.hpp"

namespace countersign {
inline namespace v0 {
namespace curl {

/// A request. Set everything else, such as the timeout and the CA, on the easy handle.
struct Request {
    std::string url;
    /// "Name: value". Authorization, or the headers that carry the token instead, are replaced.
    std::vector<std::string> headers{};
    /// The method. If it is empty, it is POST with a body, and the handle's without one.
    std::string method{};
    /// The body. It can be sent again.
    std::optional<std::string> body{};
    /// Rewinds a body that comes from the handle's CURLOPT_READFUNCTION, and returns whether it
    /// could. Without it, such a request is not repeated after a 401.
    std::function<bool()> rewind{};
    /// The origins that may get the token, such as "https://demo.docusign.net". Empty for any.
    std::vector<std::string> origins{};
};

/// The server's response, with any status.
struct Response {
    long status = 0;
    std::string body;
    /// "Name: value", without the status line.
    std::vector<std::string> headers;
};

namespace detail {

inline std::string lower(std::string text) {
    for (auto &c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

/// The parts of a URL as libcurl reads it, so that the URL that is checked is the one that is used.
class Url {
  public:
    static Result<Url> parse(const std::string &text) {
        Url url;
        const bool parsed = url.handle_ && curl_url_set(url.handle_.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK;
        if (parsed) {
            url.scheme_ = lower(url.part(CURLUPART_SCHEME, 0));
            url.host_ = lower(url.part(CURLUPART_HOST, 0));
            url.port_ = url.part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
        }
        if (!parsed || url.host_.empty()) {
            return Error(Status::bad_argument, Verdict::unexpected, "the request's URL is not an absolute http URL");
        }
        return url;
    }

    std::string text() const { return part(CURLUPART_URL, 0); }
    /// Returns the scheme, host and port.
    std::string origin() const { return scheme_ + "://" + host_ + ":" + port_; }
    bool is_https() const noexcept { return scheme_ == "https"; }
    /// Returns whether this is plain http that doesn't leave the machine.
    bool is_loopback_http() const noexcept {
        return scheme_ == "http" && (host_ == "localhost" || host_ == "[::1]" || is_loopback_v4());
    }

  private:
    std::string part(CURLUPart part, unsigned flags) const {
        char *text = nullptr;
        if (curl_url_get(handle_.get(), part, &text, flags) != CURLUE_OK) return {};
        const std::unique_ptr<char, void (*)(void *)> owned(text, &curl_free);
        return text;
    }
    /// Whether the host is 127.x.x.x, in digits.
    bool is_loopback_v4() const noexcept {
        const auto is_of_address = [](char c) { return c == '.' || (c >= '0' && c <= '9'); };
        return host_.rfind("127.", 0) == 0 && std::count(host_.begin(), host_.end(), '.') == 3 &&
               host_.back() != '.' && std::all_of(host_.begin(), host_.end(), is_of_address);
    }

    std::unique_ptr<CURLU, void (*)(CURLU *)> handle_{curl_url(), &curl_url_cleanup};
    std::string scheme_, host_, port_;
};

/// Checks that a token may be sent to a URL.
inline Result<void> check_target(const Url &url, const std::vector<std::string> &origins) {
    if (!url.is_https() && !url.is_loopback_http()) {
        return Error(Status::bad_argument, Verdict::unexpected,
                     "the token would be sent in clear text to " + url.origin() + "; use https");
    }
    if (origins.empty()) return {};
    for (const auto &allowed : origins) {
        auto parsed = Url::parse(allowed);
        if (!parsed) return std::move(parsed).error();
        if (parsed->origin() == url.origin()) return {};
    }
    return Error(Status::bad_argument, Verdict::unexpected, url.origin() + " is not one of the allowed origins");
}

inline std::size_t append_body(char *data, std::size_t size, std::size_t count, void *response) {
    static_cast<Response *>(response)->body.append(data, size * count);
    return size * count;
}

inline std::size_t append_header(char *data, std::size_t size, std::size_t count, void *response) {
    auto &headers = static_cast<Response *>(response)->headers;
    std::string_view line(data, size * count);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    // A status line begins a response, such as the final one after an informational one.
    if (line.rfind("HTTP/", 0) == 0) headers.clear();
    else if (!line.empty()) headers.emplace_back(line);
    return size * count;
}

/// Returns whether one of the token's headers has the name of a header in any form that libcurl takes.
inline bool is_replaced(const std::string &header, const std::vector<Header> &by) {
    const auto name = lower(header.substr(0, header.find_first_of(":; ")));
    return std::any_of(by.begin(), by.end(), [&](const Header &one) { return lower(std::string(one.name)) == name; });
}

inline Error transfer_error(CURLcode code, const Url &url) {
    const auto message = url.origin() + ": " + curl_easy_strerror(code);
    switch (code) {
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT: return Error(Status::connect, Verdict::retry, message);
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_PEER_FAILED_VERIFICATION: return Error(Status::tls, Verdict::fix_configuration, message);
        // The API may have received the request.
        default: return Error(Status::interrupted, Verdict::unexpected, message);
    }
}

/// Sets a request's options, and resets those that point to the request when it is destroyed.
class Prepared {
  public:
    Prepared(CURL *easy, const Request &request, const Url &url) : easy_(easy), has_body_(request.body.has_value()) {
        curl_easy_setopt(easy, CURLOPT_URL, url.text().c_str());
#if LIBCURL_VERSION_NUM >= 0x075500
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        // A proxy would read the token.
        curl_easy_setopt(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
        if (url.is_loopback_http()) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
        if (request.body) {
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
            curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body->c_str());
        }
        if (!request.method.empty()) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &append_body);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &append_header);
    }
    ~Prepared() {
        curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, nullptr);
        curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, nullptr);
        curl_easy_setopt(easy_, CURLOPT_WRITEDATA, stdout);
        curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, nullptr);
        curl_easy_setopt(easy_, CURLOPT_HEADERDATA, nullptr);
        curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, nullptr);
        if (has_body_) {
            curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, nullptr);
            curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(-1));
            curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);
        }
    }
    Prepared(const Prepared &) = delete;
    Prepared &operator=(const Prepared &) = delete;

    Result<Response> perform(const Request &request, const Url &url, const Token &token) {
        std::unique_ptr<curl_slist, void (*)(curl_slist *)> headers(nullptr, &curl_slist_free_all);
        const auto add = [&](const std::string &header) {
            auto *const longer = curl_slist_append(headers.get(), header.c_str());
            if (longer == nullptr) return;
            static_cast<void>(headers.release());
            headers.reset(longer);
        };
        const auto carrying = token.headers();
        if (!carrying) return carrying.error();
        for (const auto &header : request.headers) {
            if (!is_replaced(header, *carrying)) add(header);
        }
        for (const auto &header : *carrying) add(std::string(header.name) + ": " + std::string(header.value));
        Response response;
        curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers.get());
        curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &response);
        curl_easy_setopt(easy_, CURLOPT_HEADERDATA, &response);
        const CURLcode code = curl_easy_perform(easy_);
        if (code != CURLE_OK) return transfer_error(code, url);
        curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &response.status);
        return response;
    }

    /// Returns whether the request can be sent once more, after rewinding its body.
    bool can_repeat(const Request &request) const {
        if (request.body) return true;
        if (request.rewind) return request.rewind();
        curl_off_t sent = 0;
        char *method = nullptr;
        curl_easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &sent);
#if LIBCURL_VERSION_NUM >= 0x074800
        curl_easy_getinfo(easy_, CURLINFO_EFFECTIVE_METHOD, &method);
#endif
        if (sent != 0 || method == nullptr) return false;
        const std::string_view name = method;
        return name == "GET" || name == "HEAD" || name == "DELETE" || name == "OPTIONS";
    }

  private:
    CURL *easy_;
    bool has_body_;
};

}  // namespace detail

/// Sends a request with the token, and returns the response. It sets the handle's URL, protocols,
/// headers and callbacks, and doesn't follow redirects; everything else is the handle's.
///
/// If the API responds with 401, the token is invalidated, and the request is sent once more if its
/// body can be sent again and the client has another token. The second response is returned,
/// whatever it is.
///
/// Fails with Kind::usage, before anything is sent, if the token must not be sent to this URL.
inline Result<Response> send(const TokenSource &source, CURL *easy, const Request &request) {
    auto url = detail::Url::parse(request.url);
    if (!url) return std::move(url).error();
    auto checked = detail::check_target(*url, request.origins);
    if (!checked) return std::move(checked).error();
    auto token = source.token();
    if (!token) return std::move(token).error();

    detail::Prepared prepared(easy, request, *url);
    auto response = prepared.perform(request, *url, *token);
    if (!response || response->status != 401) return response;
    auto invalidated = source.invalidate(token->access_token());
    if (!invalidated) return std::move(invalidated).error();
    if (!prepared.can_repeat(request)) return response;
    auto other = source.token();
    if (!other) return std::move(other).error();
    if (other->access_token() == token->access_token()) return response;
    return prepared.perform(request, *url, *other);
}

}  // namespace curl
}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_CURL_HPP
