// Calls that the library starts, and what ends them early.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_START_HPP
#define COUNTERSIGN_START_HPP

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "../countersign.h"
#include "call.hpp"
#include "result.hpp"

namespace countersign {
inline namespace v0 {

/// A signal that cancels calls from any thread. Copies share one signal.
///
/// With C++20, `std::stop_callback on_stop(stop_token, [cancel] { cancel.set(); });` sets it.
class Cancel {
  public:
    Cancel() {
        ::csign_cancel *raw = nullptr;
        ::csign_cancel_new(&raw, nullptr);
        signal_.reset(raw, &::csign_cancel_free);
    }

    /// Sets the signal: the calls that were started with it end with Kind::cancelled, and so do
    /// later ones. A request in flight continues.
    void set() const noexcept { ::csign_cancel_set(signal_.get()); }

    /// Returns the C object, borrowed.
    const ::csign_cancel *get() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return signal_.get(); }
    const ::csign_cancel *get() const && = delete;

  private:
    std::shared_ptr<::csign_cancel> signal_;
};

/// What ends a call early. The request continues, and the client keeps its token.
struct CallOptions {
    /// When it is over, the call ends with Kind::timeout, or with the cached token if that is still
    /// valid. 0 means as long as any call.
    std::chrono::milliseconds timeout{};
    /// Ends the call with Kind::cancelled when it is set.
    std::optional<Cancel> cancel{};
};

namespace detail {

/// A call in progress, which the library has until it calls `done`.
template <typename T, typename Read>
struct Started {
    std::promise<Result<T>> promise;
    Read read;

    static void done(void *user_data, ::csign_result *raw) noexcept {
        const std::unique_ptr<Started> call(static_cast<Started *>(user_data));
        const std::shared_ptr<::csign_result> result(raw, &::csign_result_free);
        call->promise.set_value(call->outcome(result));
    }

    Result<T> outcome(const std::shared_ptr<::csign_result> &result) {
        const ::csign_status status = ::csign_result_status(result.get());
        if (status != CSIGN_STATUS_OK) return error_of(status, result);
        return read(result);
    }

    /// Returns the result's error, which keeps the result.
    static Error error_of(::csign_status status, const std::shared_ptr<::csign_result> &result) {
        auto *const error = const_cast<::csign_error *>(::csign_result_error(result.get()));
        return Error(status, std::shared_ptr<::csign_error>(result, error));
    }
};

/// Starts a call, and returns its result as a future. `read` reads it on the library's thread.
template <typename T, typename Start, typename Read>
std::future<Result<T>> started(const CallOptions &options, std::chrono::milliseconds min_valid, Start &&start,
                               Read read) {
    using Call = Started<T, Read>;
    auto call = std::unique_ptr<Call>(new Call{{}, std::move(read)});
    auto future = call->promise.get_future();
    ::csign_call_options raw = CSIGN_CALL_OPTIONS_INIT;
    raw.min_valid_ms = milliseconds(min_valid);
    raw.timeout_ms = milliseconds(options.timeout);
    raw.cancel = options.cancel ? options.cancel->get() : nullptr;
    ::csign_error *error = nullptr;
    const ::csign_status status = start(&raw, &Call::done, call.get(), &error);
    if (status == CSIGN_STATUS_OK) {
        static_cast<void>(call.release());
    } else {
        call->promise.set_value(Error(status, error));
    }
    return future;
}

}  // namespace detail

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_START_HPP
