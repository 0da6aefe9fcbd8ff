// The result of a call: a value or an error.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_RESULT_HPP
#define COUNTERSIGN_RESULT_HPP

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <type_traits>
#include <utility>
#include <variant>

#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_expected
#include <expected>
#endif

#include "error.hpp"

namespace countersign {
inline namespace v0 {

template <typename T>
class Result;

namespace detail {

template <typename T>
using remove_cvref_t = std::remove_cv_t<std::remove_reference_t<T>>;

[[noreturn]] inline void fail(const Error &error) {
#ifdef __cpp_exceptions
    throw error;
#else
    static_cast<void>(error);
    std::abort();
#endif
}

/// Ends the program: a result was read without checking it.
[[noreturn]] inline void unchecked() noexcept { std::abort(); }

template <typename T>
struct is_result : std::false_type {};
template <typename T>
struct is_result<Result<T>> : std::true_type {};

/// Calls a function with the value of a result; with nothing for Result<void>.
template <typename Self, typename Function>
decltype(auto) call_with_value(Self &&self, Function &&function) {
    if constexpr (std::is_void_v<typename remove_cvref_t<Self>::value_type>) {
        return std::invoke(std::forward<Function>(function));
    } else {
        return std::invoke(std::forward<Function>(function), std::get<0>(std::forward<Self>(self).state_));
    }
}

}  // namespace detail

/// The members that results have in common. `Value` is T, or a placeholder for void.
template <typename T, typename Value>
class ResultBase {
  public:
    using value_type = T;
    using error_type = Error;

    /// Returns whether the call succeeded.
    bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// Returns the error. Calling it on a success ends the program.
    const Error &error() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        if (has_value()) detail::unchecked();
        return *std::get_if<1>(&state_);
    }
    Error error() && noexcept {
        if (has_value()) detail::unchecked();
        return std::move(*std::get_if<1>(&state_));
    }

    /// Returns the error, or `otherwise` if the call succeeded.
    Error error_or(Error otherwise) const & { return has_value() ? std::move(otherwise) : error(); }

    /// Calls `function` with the value, and returns its result. Returns the error on failure.
    template <typename Function>
    auto and_then(Function &&function) & { return chained(*this, std::forward<Function>(function)); }
    template <typename Function>
    auto and_then(Function &&function) const & { return chained(*this, std::forward<Function>(function)); }
    template <typename Function>
    auto and_then(Function &&function) && { return chained(std::move(*this), std::forward<Function>(function)); }

    /// Calls `function` with the value, and returns what it returns as a result. Returns the error
    /// on failure.
    template <typename Function>
    auto transform(Function &&function) & { return transformed(*this, std::forward<Function>(function)); }
    template <typename Function>
    auto transform(Function &&function) const & { return transformed(*this, std::forward<Function>(function)); }
    template <typename Function>
    auto transform(Function &&function) && { return transformed(std::move(*this), std::forward<Function>(function)); }

    /// Calls `function` with the error, and returns its result. Returns the value on success.
    template <typename Function>
    Result<T> or_else(Function &&function) const & { return recovered(*this, std::forward<Function>(function)); }
    template <typename Function>
    Result<T> or_else(Function &&function) && { return recovered(std::move(*this), std::forward<Function>(function)); }

#ifdef __cpp_lib_expected
    /// Returns the result as std::expected (C++23).
    std::expected<T, Error> to_expected() const & { return expected(*this); }
    std::expected<T, Error> to_expected() && { return expected(std::move(*this)); }
#endif

  protected:
    template <std::size_t Index, typename Argument>
    ResultBase(std::in_place_index_t<Index> index, Argument &&argument)
        : state_(index, std::forward<Argument>(argument)) {}

    template <typename Self>
    static decltype(auto) checked(Self &&self) {
        if (!self.has_value()) detail::fail(self.error());
        return std::get<0>(std::forward<Self>(self).state_);
    }

    std::variant<Value, Error> state_;

  private:
    template <typename Self, typename Function>
    friend decltype(auto) detail::call_with_value(Self &&self, Function &&function);

    template <typename Self, typename Function>
    static auto chained(Self &&self, Function &&function) {
        using Next = detail::remove_cvref_t<decltype(detail::call_with_value(std::forward<Self>(self), function))>;
        static_assert(detail::is_result<Next>::value, "and_then needs a function that returns a Result");
        if (!self.has_value()) return Next(std::forward<Self>(self).error());
        return Next(detail::call_with_value(std::forward<Self>(self), std::forward<Function>(function)));
    }

    template <typename Self, typename Function>
    static auto transformed(Self &&self, Function &&function) {
        using Next = std::remove_cv_t<decltype(detail::call_with_value(std::forward<Self>(self), function))>;
        if (!self.has_value()) return Result<Next>(std::forward<Self>(self).error());
        if constexpr (std::is_void_v<Next>) {
            detail::call_with_value(std::forward<Self>(self), std::forward<Function>(function));
            return Result<Next>();
        } else {
            return Result<Next>(detail::call_with_value(std::forward<Self>(self), std::forward<Function>(function)));
        }
    }

    template <typename Self, typename Function>
    static Result<T> recovered(Self &&self, Function &&function) {
        if (!self.has_value()) return std::invoke(std::forward<Function>(function), std::forward<Self>(self).error());
        if constexpr (std::is_void_v<T>) {
            return Result<T>();
        } else {
            return Result<T>(std::get<0>(std::forward<Self>(self).state_));
        }
    }

#ifdef __cpp_lib_expected
    template <typename Self>
    static std::expected<T, Error> expected(Self &&self) {
        if (!self.has_value()) return std::unexpected(std::forward<Self>(self).error());
        if constexpr (std::is_void_v<T>) {
            return {};
        } else {
            return std::get<0>(std::forward<Self>(self).state_);
        }
    }
#endif
};

/// A call's value or error, like std::expected<T, Error>.
template <typename T>
class [[nodiscard]] Result : public ResultBase<T, T> {
    using Base = ResultBase<T, T>;

  public:
    /// Makes a success from anything that converts to T.
    template <typename U = T,
              typename = std::enable_if_t<std::is_convertible_v<U &&, T> &&
                                          !std::is_same_v<detail::remove_cvref_t<U>, Result> &&
                                          !std::is_base_of_v<Error, detail::remove_cvref_t<U>>>>
    Result(U &&value) : Base(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT: a value is a result
    Result(Error error) noexcept : Base(std::in_place_index<1>, std::move(error)) {}  // NOLINT: and so is an error

    /// Returns the value, or throws the Error if the call failed.
    T &value() & COUNTERSIGN_LIFETIMEBOUND { return Base::checked(*this); }
    const T &value() const & COUNTERSIGN_LIFETIMEBOUND { return Base::checked(*this); }
    /// Returns a new value from a temporary, so that `const auto &token = client.token().value()`
    /// doesn't dangle.
    T value() && { return Base::checked(std::move(*this)); }
    const T &value() const && = delete;

    /// Returns the value. Ends the program if the call failed.
    T &operator*() & noexcept COUNTERSIGN_LIFETIMEBOUND { return *held(*this); }
    const T &operator*() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return *held(*this); }
    T operator*() && noexcept(std::is_nothrow_move_constructible_v<T>) { return std::move(*held(*this)); }
    const T &operator*() const && = delete;
    T *operator->() & noexcept COUNTERSIGN_LIFETIMEBOUND { return held(*this); }
    const T *operator->() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return held(*this); }
    /// The value would be destroyed at the end of the statement.
    T *operator->() && = delete;
    const T *operator->() const && = delete;

    /// Returns the value, or `otherwise` if the call failed.
    template <typename U>
    T value_or(U &&otherwise) const & {
        return this->has_value() ? **this : static_cast<T>(std::forward<U>(otherwise));
    }
    template <typename U>
    T value_or(U &&otherwise) && {
        return this->has_value() ? std::move(*held(*this)) : static_cast<T>(std::forward<U>(otherwise));
    }

  private:
    template <typename Self>
    static auto held(Self &self) noexcept {
        auto *const value = std::get_if<0>(&self.state_);
        if (value == nullptr) detail::unchecked();
        return value;
    }
};

/// A call's success or error, like std::expected<void, Error>.
template <>
class [[nodiscard]] Result<void> : public ResultBase<void, std::monostate> {
    using Base = ResultBase<void, std::monostate>;

  public:
    Result() noexcept : Base(std::in_place_index<0>, std::monostate()) {}
    Result(Error error) noexcept : Base(std::in_place_index<1>, std::move(error)) {}  // NOLINT: an error is a result

    /// Throws the Error if the call failed.
    void value() const { static_cast<void>(Base::checked(*this)); }
};

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_RESULT_HPP
