// Checks tokens, errors and other results. A difference throws Failed.

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

/// Throws Failed for an unknown member.
void known(const nlohmann::json &object, std::initializer_list<std::string_view> members);

/// `tokens` are the access token strings that earlier steps named.
void expect_token(const countersign::Token &token, const nlohmann::json &expect,
                  const std::map<std::string, std::string> &tokens, std::int64_t now_s);

void expect_error(const countersign::Error &error, const nlohmann::json &expect);

/// Checks that each name has its value. "*" means any non-empty value.
void expect_extra(const nlohmann::json &expect, const nlohmann::json &all);

/// Describes an error, as the reason of a failure.
std::string reported(const countersign::Error &error);

}  // namespace scenarios
