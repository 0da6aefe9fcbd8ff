#include "expect.hpp"

#include <algorithm>
#include <cstdlib>

namespace scenarios {

using nlohmann::json;

namespace {

void same(const std::string &what, const json &wanted, const json &was) {
    if (wanted != was) throw Failed(what + " is " + was.dump() + " instead of " + wanted.dump());
}

/// Checks a string. "*" means any non-empty string, null means absent.
void text(const std::string &what, const json &wanted, std::string_view was) {
    if (wanted == "*") {
        if (was.empty()) throw Failed(what + " is missing");
    } else {
        same(what, wanted, was.empty() ? json() : json(was));
    }
}

void has(const std::string &what, const json &part, std::string_view was) {
    if (was.find(part.get<std::string>()) == std::string_view::npos) {
        throw Failed(what + " does not contain " + part.dump() + ": " + std::string(was));
    }
}

/// Checks that the token has these headers and no others. `{token}` is the access token string.
void expect_headers(const json &expect, const countersign::Token &token) {
    std::map<std::string, std::string> was;
    for (const auto &[name, value] : token.headers().value()) was[std::string(name)] = value;
    for (const auto &[name, wanted] : expect.items()) {
        auto value = wanted.get<std::string>();
        const auto at = value.find("{token}");
        if (at != std::string::npos) value.replace(at, 7, token.access_token());
        text("header " + name, value, was[name]);
    }
    same("the number of headers", expect.size(), was.size());
}

}  // namespace

void known(const json &object, std::initializer_list<std::string_view> members) {
    for (const auto &[member, value] : object.items()) {
        static_cast<void>(value);
        if (std::find(members.begin(), members.end(), member) == members.end()) {
            throw Failed("unknown member `" + member + "`");
        }
    }
}

void expect_token(const countersign::Token &token, const json &expect, const std::map<std::string, std::string> &tokens,
                  std::int64_t now_s) {
    known(expect, {"source", "same_as", "different_from", "token_type", "scope", "expires_in_about_s", "extra", "headers",
                   "headers_error"});
    if (expect.contains("source")) same("source", expect["source"], countersign::name(token.source()));
    if (expect.contains("same_as") && tokens.at(expect["same_as"]) != token.access_token()) {
        throw Failed("the token is not the same as " + expect["same_as"].dump());
    }
    if (expect.contains("different_from") && tokens.at(expect["different_from"]) == token.access_token()) {
        throw Failed("the token is the same as " + expect["different_from"].dump());
    }
    if (expect.contains("token_type")) same("token_type", expect["token_type"], token.type());
    if (expect.contains("scope")) same("scope", expect["scope"], token.scope());
    if (expect.contains("expires_in_about_s")) {
        const auto &wanted = expect["expires_in_about_s"];
        const auto end = token.expires_at();
        if (wanted.is_null() != !end) throw Failed(end ? "the token has an expiry" : "the token has no expiry");
        if (end) {
            const auto in = std::chrono::duration_cast<std::chrono::seconds>(end->time_since_epoch()).count() - now_s;
            if (std::llabs(in - wanted.get<std::int64_t>()) > 30) {
                throw Failed("the token expires in " + std::to_string(in) + " s instead of " + wanted.dump());
            }
        }
    }
    if (expect.contains("extra")) {
        expect_extra(expect["extra"], json::parse(token.extra_json()));
        for (const auto &[key, value] : expect["extra"].items()) text("extra " + key, value, token.extra(key));
    }
    if (expect.contains("headers")) expect_headers(expect["headers"], token);
    if (expect.contains("headers_error")) {
        const auto headers = token.headers();
        if (headers) throw Failed("the headers are not an error");
        expect_error(headers.error(), expect["headers_error"]);
    }
}

void expect_error(const countersign::Error &error, const json &expect) {
    known(expect, {"verdict", "kind", "http_status", "oauth_error", "oauth_description", "setting", "provider", "url",
                   "trace_id", "hint", "retry_after_s", "message_has", "hint_has"});
    const std::pair<const char *, std::string_view> texts[] = {
        {"verdict", countersign::name(error.verdict())},
        {"kind", countersign::name(error.kind())},
        {"oauth_error", error.oauth_error()},
        {"oauth_description", error.oauth_description()},
        {"setting", error.setting()},
        {"provider", error.provider()},
        {"url", error.url()},
        {"trace_id", error.trace_id()},
        {"hint", error.hint()},
    };
    try {
        for (const auto &[what, was] : texts) {
            if (expect.contains(what)) text(what, expect[what], was);
        }
        if (expect.contains("http_status")) same("http_status", expect["http_status"], error.http_status());
        if (expect.contains("message_has")) has("message", expect["message_has"], error.message());
        if (expect.contains("hint_has")) has("hint", expect["hint_has"], error.hint());
        if (expect.contains("retry_after_s")) {
            const auto wait = error.retry_after();
            const auto &wanted = expect["retry_after_s"];
            if (wanted == "*" ? !wait : false) throw Failed("retry_after is missing");
            if (wanted != "*") {
                const auto seconds = [&] { return std::chrono::duration_cast<std::chrono::seconds>(*wait).count(); };
                same("retry_after_s", wanted, wait ? json(seconds()) : json());
            }
        }
    } catch (const Failed &failed) {
        throw Failed(std::string(failed.what()) + ", in: " + reported(error));
    }
}

void expect_extra(const json &expect, const json &all) {
    for (const auto &[key, value] : expect.items()) {
        text("extra " + key, value, all.contains(key) ? all[key].get<std::string>() : std::string());
    }
}

std::string reported(const countersign::Error &error) {
    return std::string(countersign::name(error.status())) + ": " + error.what() + " (" +
           std::string(countersign::name(error.verdict())) + "; " + std::string(error.hint()) + ")";
}

}  // namespace scenarios
