// The version of the loaded library.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_VERSION_HPP
#define COUNTERSIGN_VERSION_HPP

#include <cstdint>
#include <string_view>

#include "../countersign.h"

namespace countersign {
inline namespace v0 {

/// Returns the version of the loaded library, such as "0.1.0".
inline std::string_view version() noexcept { return ::csign_version(); }

/// Returns whether the loaded library is compatible with these headers. Client::make checks it.
inline bool abi_matches() noexcept {
    const std::uint32_t running = ::csign_abi_version();
    const std::uint32_t wanted = CSIGN_ABI_VERSION;
    return running >> 16 == wanted >> 16 && (running & 0xFFFFU) >= (wanted & 0xFFFFU);
}

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_VERSION_HPP
