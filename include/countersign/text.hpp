// Strings that calls return, and the values that are read from their JSON.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_TEXT_HPP
#define COUNTERSIGN_TEXT_HPP

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../countersign.h"
#include "call.hpp"
#include "json.hpp"
#include "view.hpp"

namespace countersign {
inline namespace v0 {

/// A string that a call returned. It is wiped when it is destroyed.
class Text {
  public:
    Text() noexcept = default;
    explicit Text(::csign_text *text) noexcept : text_(text) {}

    std::string_view view() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return detail::view(&::csign_text_value, text_.get());
    }
    std::string_view view() const && = delete;
    /// Returns a copy, which is not wiped.
    std::string str() const { return std::string(view()); }

  private:
    detail::Owner<::csign_text, &::csign_text_free> text_;
};

/// Strings by name.
using Strings = std::map<std::string, std::string, std::less<>>;

namespace detail {

/// Reads a JSON text into a value.
template <typename Read>
auto read_view(std::string_view text, Read &&read) -> Result<decltype(read(std::declval<const Json &>()))> {
    const auto json = Json::parse(text);
    if (!json) return Error(Status::internal, Verdict::unexpected, "the library returned invalid JSON");
    return read(*json);
}

/// Reads the JSON of a call into a value.
template <typename Read>
auto read(Result<Text> text, Read &&read) -> Result<decltype(read(std::declval<const Json &>()))> {
    if (!text) return std::move(text).error();
    return read_view(text->view(), std::forward<Read>(read));
}

/// Like read, for each value of an array.
template <typename Read>
auto read_all(Result<Text> text, Read &&one) {
    return read(std::move(text), [&](const Json &json) {
        std::vector<decltype(one(json))> all;
        for (const auto &value : json.values()) all.push_back(one(value));
        return all;
    });
}

}  // namespace detail

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_TEXT_HPP
