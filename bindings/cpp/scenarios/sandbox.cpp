#include "sandbox.hpp"

#include <csignal>
#include <curl/curl.h>
#include <fcntl.h>
#include <memory>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace scenarios {

namespace {

std::size_t append(char *data, std::size_t size, std::size_t count, void *to) {
    static_cast<std::string *>(to)->append(data, size * count);
    return size * count;
}

std::string first_line(int from) {
    std::string line;
    char character = 0;
    while (::read(from, &character, 1) == 1 && character != '\n') line += character;
    return line;
}

/// Sends a GET, or a POST of a JSON body. It trusts this CA and follows no redirects. Throws if
/// there is no response.
Response request(const std::string &url, const std::string &ca_file, const std::string *body = nullptr) {
    const std::unique_ptr<CURL, void (*)(CURL *)> curl(curl_easy_init(), &curl_easy_cleanup);
    curl_slist *headers = nullptr;
    if (body != nullptr) headers = curl_slist_append(headers, "Content-Type: application/json");
    const std::unique_ptr<curl_slist, void (*)(curl_slist *)> owned(headers, &curl_slist_free_all);

    Response response;
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_CAINFO, ca_file.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &append);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &response.body);
    if (body != nullptr) {
        curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(body->size()));
        curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body->c_str());
    }
    const CURLcode code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) throw std::runtime_error(url + ": " + curl_easy_strerror(code));
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &response.status);
    char *location = nullptr;
    curl_easy_getinfo(curl.get(), CURLINFO_REDIRECT_URL, &location);
    if (location != nullptr) response.location = location;
    return response;
}

}  // namespace

Sandbox::Sandbox(const std::string &command, const std::string &folder) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string words[] = {command, "--tls", "--dir", folder};
    char *arguments[] = {&words[0][0], &words[1][0], &words[2][0], &words[3][0], nullptr};
    const int failed = ::posix_spawn(&process_, command.c_str(), &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    if (failed != 0) throw std::runtime_error("cannot run " + command);
    const auto ready = nlohmann::json::parse(first_line(output_));
    ready.at("url").get_to(url);
    ready.at("dir").get_to(dir);
    ready.at("connections").get_to(connections);
    ready.at("ca_file").get_to(ca_file);
}

Sandbox::~Sandbox() {
    if (process_ > 0) {
        ::kill(process_, SIGTERM);
        ::waitpid(process_, nullptr, 0);
    }
    ::close(output_);
}

Response Sandbox::get(const std::string &address) const { return request(address, ca_file); }

void Sandbox::post(const std::string &path, const std::string &body) const {
    const auto response = request(url + path, ca_file, &body);
    if (response.status != 200) throw std::runtime_error(path + " responded with " + std::to_string(response.status));
}

nlohmann::json Sandbox::log() const { return nlohmann::json::parse(get(url + "/_sandbox/log").body); }

}  // namespace scenarios
