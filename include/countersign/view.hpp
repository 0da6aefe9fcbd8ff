// Views of texts that belong to another object.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_VIEW_HPP
#define COUNTERSIGN_VIEW_HPP

#include <cstddef>
#include <string_view>

// Makes clang and MSVC warn if a view outlives its owner.
#ifndef COUNTERSIGN_LIFETIMEBOUND
#ifdef __has_cpp_attribute
#if __has_cpp_attribute(clang::lifetimebound)
#define COUNTERSIGN_LIFETIMEBOUND [[clang::lifetimebound]]
#elif __has_cpp_attribute(msvc::lifetimebound)
#define COUNTERSIGN_LIFETIMEBOUND [[msvc::lifetimebound]]
#endif
#endif
#ifndef COUNTERSIGN_LIFETIMEBOUND
#define COUNTERSIGN_LIFETIMEBOUND
#endif
#endif

namespace countersign {
inline namespace v0 {
namespace detail {

/// Calls a C function that returns a text and, by its last argument, the length. NULL is an empty
/// view.
template <typename Function, typename... Arguments>
std::string_view view(Function function, Arguments... arguments) noexcept {
    std::size_t length = 0;
    const char *start = function(arguments..., &length);
    return start == nullptr ? std::string_view() : std::string_view(start, length);
}

}  // namespace detail
}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_VIEW_HPP
