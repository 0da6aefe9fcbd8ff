// The sandbox process, and HTTP requests to it.

#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/types.h>

namespace scenarios {

/// An HTTP response.
struct Response {
    long status = 0;
    std::string body;
    /// The Location header, or an empty string.
    std::string location;
};

/// A running `countersign-sandbox`, which is stopped with this object.
class Sandbox {
  public:
    Sandbox(const std::string &command, const std::string &dir);
    ~Sandbox();
    Sandbox(const Sandbox &) = delete;
    Sandbox &operator=(const Sandbox &) = delete;

    /// Sends a GET, and follows no redirects. Throws if there is no response.
    Response get(const std::string &url) const;
    /// Throws unless the response is 200.
    void post(const std::string &path, const std::string &body) const;
    /// Returns the token requests since the last reset.
    nlohmann::json log() const;

    std::string url, dir, connections, ca_file;

  private:
    pid_t process_ = -1;
    int output_ = -1;
};

}  // namespace scenarios
