// The sandbox as a process, and HTTP to it.

#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/types.h>

namespace scenarios {

/// What came back from an HTTP request.
struct Answer {
    long status = 0;
    std::string body;
    /// The Location header; empty where there is none.
    std::string location;
};

/// A GET, or with a body a POST of JSON, that trusts this CA and follows no redirect. Throws where nothing comes back.
Answer request(const std::string &url, const std::string &ca_file, const std::string *body = nullptr,
               const std::string &authorization = "");

/// A running `countersign-sandbox`; ended with this object.
class Sandbox {
  public:
    Sandbox(const std::string &command, const std::string &dir);
    ~Sandbox();
    Sandbox(const Sandbox &) = delete;
    Sandbox &operator=(const Sandbox &) = delete;

    Answer get(const std::string &url, const std::string &authorization = "") const;
    /// Must be answered with 200.
    void post(const std::string &path, const std::string &body) const;
    /// The token requests since the last reset.
    nlohmann::json log() const;

    std::string url, dir, connections, ca_file;

  private:
    pid_t process_ = -1;
    int output_ = -1;
};

}  // namespace scenarios
