// Enums and errors as text, by streams and by std::format.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_FORMAT_HPP
#define COUNTERSIGN_FORMAT_HPP

#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>

#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_format
#include <format>
#endif

#include "../countersign_abi.hpp"
#include "config.hpp"
#include "error.hpp"

namespace countersign {
inline namespace v0 {

namespace detail {

/// Whether a type is an enum whose values have names.
template <typename T>
inline constexpr bool is_named =
    std::is_same_v<T, Status> || std::is_same_v<T, Kind> || std::is_same_v<T, Verdict> || std::is_same_v<T, Source> ||
    std::is_same_v<T, Change> || std::is_same_v<T, Revocation> || std::is_same_v<T, LogLevel> ||
    std::is_same_v<T, Counter> || std::is_same_v<T, GrantType> || std::is_same_v<T, ClientAuthentication>;

/// Returns an error as a line: the kind, the message and the hint.
inline std::string line_of(const Error &error) {
    std::string line(name(error.kind()));
    line.append(": ").append(error.message());
    if (!error.hint().empty()) line.append(" (").append(error.hint()).append(")");
    return line;
}

}  // namespace detail

/// Writes the name of an enum's value.
template <typename Named, typename Traits, typename = std::enable_if_t<detail::is_named<Named>>>
std::basic_ostream<char, Traits> &operator<<(std::basic_ostream<char, Traits> &out, Named named) {
    return out << name(named);
}

/// Writes the kind, the message and the hint.
template <typename Traits>
std::basic_ostream<char, Traits> &operator<<(std::basic_ostream<char, Traits> &out, const Error &error) {
    return out << detail::line_of(error);
}

}  // namespace v0
}  // namespace countersign

#ifdef __cpp_lib_format
template <typename Named>
    requires countersign::detail::is_named<Named>
struct std::formatter<Named> : std::formatter<std::string_view> {
    template <typename Context>
    auto format(Named named, Context &context) const {
        return std::formatter<std::string_view>::format(name(named), context);
    }
};

template <>
struct std::formatter<countersign::Error> : std::formatter<std::string_view> {
    template <typename Context>
    auto format(const countersign::Error &error, Context &context) const {
        return std::formatter<std::string_view>::format(countersign::detail::line_of(error), context);
    }
};
#endif

#endif  // COUNTERSIGN_FORMAT_HPP
