// How the library calls the program: signers, clocks, logs, listeners and `open`.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_CALLBACK_HPP
#define COUNTERSIGN_CALLBACK_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../countersign.h"
#include "call.hpp"
#include "token.hpp"

namespace countersign {
inline namespace v0 {

/// A time by both clocks.
struct Moment {
    /// Since 1970-01-01 UTC.
    std::chrono::milliseconds unix_time;
    /// Since boot, including sleep. Never decreases.
    std::chrono::milliseconds boot_time;
};

namespace detail {

/// Runs a callback, and returns `otherwise` if it throws.
template <typename Otherwise, typename Function>
Otherwise guarded(Otherwise otherwise, Function &&function) noexcept {
#ifdef __cpp_exceptions
    try {
        return function();
    } catch (...) {
        return otherwise;
    }
#else
    static_cast<void>(otherwise);
    return function();
#endif
}

template <typename Function>
void destroy(void *user_data) noexcept {
    delete static_cast<Function *>(user_data);
}

/// Like guarded, for a callback that a call waits for. Its exception becomes the cause of the
/// call's error.
template <typename Otherwise, typename Function>
Otherwise caused(Otherwise otherwise, Function &&function) noexcept {
#ifdef __cpp_exceptions
    try {
        return function();
    } catch (...) {
        auto *const cause = new (std::nothrow) std::exception_ptr(std::current_exception());
        if (cause != nullptr) ::csign_callback_set_cause(cause, &destroy<std::exception_ptr>);
        return otherwise;
    }
#else
    return guarded(otherwise, std::forward<Function>(function));
#endif
}

/// Whether a callback is a null pointer, or an empty std::function or the like.
template <typename Function>
bool is_null(const Function &function) noexcept {
    if constexpr (std::is_constructible_v<Function, std::nullptr_t>) {
        return function == nullptr;
    } else {
        static_cast<void>(function);
        return false;
    }
}

template <typename Function>
std::int32_t sign(void *user_data, const std::uint8_t *input, std::size_t input_length, std::uint8_t *signature,
                  std::size_t capacity, std::size_t *written) noexcept {
    static_assert(std::is_invocable_r_v<std::optional<std::string>, Function &, std::string_view>,
                  "a signer takes a std::string_view and returns a std::optional<std::string>");
    return caused<std::int32_t>(1, [&]() -> std::int32_t {
        const std::string_view bytes(reinterpret_cast<const char *>(input), input_length);
        const std::optional<std::string> made = std::invoke(*static_cast<Function *>(user_data), bytes);
        if (!made || made->size() > capacity) return 2;
        std::memcpy(signature, made->data(), made->size());
        *written = made->size();
        return 0;
    });
}

template <typename Function>
std::int32_t tell(void *user_data, std::int64_t *unix_ms, std::uint64_t *boot_ms) noexcept {
    static_assert(std::is_invocable_r_v<std::optional<Moment>, Function &>, "a clock returns a std::optional<Moment>");
    return guarded<std::int32_t>(1, [&]() -> std::int32_t {
        const std::optional<Moment> now = std::invoke(*static_cast<Function *>(user_data));
        if (!now) return 2;
        *unix_ms = now->unix_time.count();
        *boot_ms = milliseconds(now->boot_time);
        return 0;
    });
}

template <typename Function>
void take(void *user_data, ::csign_log_level level, const char *line, std::size_t length) noexcept {
    static_assert(std::is_invocable_v<Function &, LogLevel, std::string_view>,
                  "a log takes a LogLevel and a std::string_view");
    guarded<int>(0, [&] {
        std::invoke(*static_cast<Function *>(user_data), static_cast<LogLevel>(level), std::string_view(line, length));
        return 0;
    });
}

template <typename Function>
void hear(void *user_data, ::csign_change change, const ::csign_token *token) noexcept {
    static_assert(std::is_invocable_v<Function &, Change, const TokenView *>,
                  "a listener takes a Change and a const TokenView *");
    guarded<int>(0, [&] {
        const TokenView lent(token);
        const TokenView *const shown = token != nullptr ? &lent : nullptr;
        std::invoke(*static_cast<Function *>(user_data), static_cast<Change>(change), shown);
        return 0;
    });
}

template <typename Function>
std::int32_t open(void *user_data, const char *url, std::size_t length) noexcept {
    static_assert(std::is_invocable_r_v<bool, Function &, std::string_view>,
                  "open takes a std::string_view and returns a bool");
    return caused<std::int32_t>(1, [&]() -> std::int32_t {
        return std::invoke(*static_cast<Function *>(user_data), std::string_view(url, length)) ? 0 : 2;
    });
}

/// Passes a callback to the library, which destroys it even if the setter fails.
template <typename Function, typename Trampoline, typename Call>
auto keep(Function &&function, Trampoline trampoline, Call &&call) {
    using Kept = std::decay_t<Function>;
    const Trampoline called = is_null<Kept>(function) ? nullptr : trampoline;
    return call(called, new Kept(std::forward<Function>(function)), &destroy<Kept>);
}

}  // namespace detail

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_CALLBACK_HPP
