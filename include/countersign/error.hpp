// The error of a failed call.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_ERROR_HPP
#define COUNTERSIGN_ERROR_HPP

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "../countersign.h"
#include "../countersign_abi.hpp"

namespace countersign {
inline namespace v0 {

/// The error of a failed call. It contains no secrets. Copies share one object, and copying doesn't
/// throw.
class Error : public std::exception, public ErrorFields<Error> {
  public:
    /// Takes ownership of a C error, which may be NULL. CSIGN_STATUS_OK isn't an error, and
    /// becomes Status::internal.
    Error(::csign_status status, ::csign_error *raw)
        : status_(failed(static_cast<Status>(status))),
          error_(raw, &::csign_error_free),
          verdict_(static_cast<Verdict>(::csign_error_verdict(raw))) {}

    /// Like the above, for a C error that another object owns.
    Error(::csign_status status, std::shared_ptr<::csign_error> shared)
        : status_(failed(static_cast<Status>(status))),
          error_(std::move(shared)),
          verdict_(static_cast<Verdict>(::csign_error_verdict(error_.get()))) {}

    /// Creates an error without the library, for your own TokenSource and for tests.
    Error(Status status, Verdict verdict, std::string message)
        : status_(failed(status)),
          verdict_(verdict),
          message_(std::make_shared<const std::string>(std::move(message))) {}

    /// Returns the status code of the C ABI. For incorrect use, it is more specific than the kind.
    Status status() const noexcept { return status_; }
    /// Returns what happened.
    Kind kind() const noexcept {
        const auto number = static_cast<std::int32_t>(status_);
        if (number < 20) return Kind::usage;
        const bool panicked = status_ == Status::panic || status_ == Status::poisoned;
        return panicked ? Kind::internal : static_cast<Kind>(number);
    }
    /// Returns what to do about the error.
    Verdict verdict() const noexcept { return verdict_; }
    /// Returns whether to try again, after retry_after() if it is known.
    bool retryable() const noexcept { return verdict_ == Verdict::retry; }

    /// Returns one sentence that says what failed, or the name of the status.
    std::string_view message() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return what(); }
    std::string_view message() const && = delete;
    /// Like message().
    const char *what() const noexcept override {
        if (message_) return message_->c_str();
        const char *message = ::csign_error_message(get(), nullptr);
        return message != nullptr ? message : ::csign_status_name(static_cast<std::int32_t>(status_));
    }

    /// Returns the exception of the program's signer or `open` that caused the error, or null.
    std::exception_ptr cause() const noexcept {
        const auto *cause = static_cast<const std::exception_ptr *>(::csign_error_cause(get()));
        return cause != nullptr ? *cause : nullptr;
    }

    /// Returns the C object, borrowed, or NULL.
    const ::csign_error *get() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return error_.get(); }
    const ::csign_error *get() const && = delete;

  private:
    static Status failed(Status status) noexcept { return status == Status::ok ? Status::internal : status; }

    Status status_;
    std::shared_ptr<::csign_error> error_;
    Verdict verdict_;
    std::shared_ptr<const std::string> message_;
};

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_ERROR_HPP
