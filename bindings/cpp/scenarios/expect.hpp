// What is expected of tokens, errors and other results. A difference is thrown as a Failed.

#pragma once

#include <countersign.hpp>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace scenarios {

/// Why a scenario failed.
class Failed : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A member that is not listed is a failure: of the runner, which does not know it.
void known(const nlohmann::json &object, std::initializer_list<std::string_view> members);

/// `tokens` are the bare tokens that earlier steps named.
void expect_token(const countersign::Token &token, const nlohmann::json &expect,
                  const std::map<std::string, std::string> &tokens, std::int64_t now_s);

void expect_error(const countersign::Error &error, const nlohmann::json &expect);

/// Each name is there with this value, or with any where that is "*".
void expect_extra(const nlohmann::json &expect, const nlohmann::json &all);

/// An error as a failure's reason.
std::string told(const countersign::Error &error);

}  // namespace scenarios
