// How the C functions are called: owners of their objects, and results.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_CALL_HPP
#define COUNTERSIGN_CALL_HPP

#include <chrono>
#include <cstdint>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "../countersign.h"
#include "result.hpp"

namespace countersign {
inline namespace v0 {

namespace detail {

/// A deleter that calls the type's C function and takes no space.
template <typename Handle, void (*Free)(Handle *)>
struct Deleter {
    void operator()(Handle *handle) const noexcept { Free(handle); }
};

template <typename Handle, void (*Free)(Handle *)>
using Owner = std::unique_ptr<Handle, Deleter<Handle, Free>>;

/// Converts a time of the C ABI, where a negative number means unknown.
inline std::optional<std::chrono::system_clock::time_point> time_of(std::int64_t seconds) noexcept {
    if (seconds < 0) return std::nullopt;
    return std::chrono::system_clock::time_point(std::chrono::seconds(seconds));
}

/// Runs a C call without a result.
template <typename Call>
Result<void> run(Call &&call) {
    ::csign_error *error = nullptr;
    const ::csign_status status = call(&error);
    if (status != CSIGN_STATUS_OK) return Error(status, error);
    return {};
}

/// Runs a C call that returns a handle, which a Wrapper then owns.
template <typename Wrapper, typename Handle, typename Call>
Result<Wrapper> make(Call &&call) {
    Handle *handle = nullptr;
    ::csign_error *error = nullptr;
    const ::csign_status status = call(&handle, &error);
    if (status != CSIGN_STATUS_OK) return Error(status, error);
    return Wrapper(handle);
}

/// Runs a call on a thread of its own, and returns its result as a future.
template <typename T, typename Call>
std::future<T> start(Call call) {
    std::promise<T> promise;
    auto future = promise.get_future();
    auto run = [promise = std::move(promise), call = std::move(call)]() mutable {
#ifdef __cpp_exceptions
        try {
            promise.set_value(call());
        } catch (...) {
            promise.set_exception(std::current_exception());
        }
#else
        promise.set_value(call());
#endif
    };
    std::thread(std::move(run)).detach();
    return future;
}

inline std::uint64_t milliseconds(std::chrono::milliseconds duration) noexcept {
    return duration.count() < 0 ? 0 : static_cast<std::uint64_t>(duration.count());
}

}  // namespace detail

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_CALL_HPP
