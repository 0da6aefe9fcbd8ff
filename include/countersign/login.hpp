// A login that a person completes in a browser.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_LOGIN_HPP
#define COUNTERSIGN_LOGIN_HPP

#include <string_view>

#include "../countersign.h"
#include "call.hpp"
#include "text.hpp"
#include "view.hpp"

namespace countersign {
inline namespace v0 {

/// A started login (RFC 6749 section 4.1, with PKCE).
class Login {
  public:
    Login() noexcept = default;
    explicit Login(::csign_login *login) noexcept : login_(login) {}

    /// Restores a login that save() saved, in this process or another one.
    static Result<Login> restore(std::string_view saved) {
        return detail::make<Login, ::csign_login>(
            [&](auto **out, auto **error) { return ::csign_login_restore(saved.data(), saved.size(), out, error); });
    }
    /// Returns the URL to redirect the browser to.
    std::string_view url() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return detail::view(&::csign_login_url, login_.get());
    }
    std::string_view url() const && = delete;
    /// Returns the `state` parameter of the URL, which identifies the login that a callback belongs
    /// to.
    std::string_view state() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return detail::view(&::csign_login_state, login_.get());
    }
    std::string_view state() const && = delete;
    /// Returns the login as a string, for a web server whose callback may reach another process.
    /// Keep it in the server-side session: it contains the PKCE verifier.
    Result<Text> save() const {
        return detail::make<Text, ::csign_text>(
            [&](auto **out, auto **error) { return ::csign_login_save(login_.get(), out, error); });
    }
    /// Returns the C object, borrowed.
    const ::csign_login *get() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return login_.get(); }
    const ::csign_login *get() const && = delete;

  private:
    detail::Owner<::csign_login, &::csign_login_free> login_;
};

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_LOGIN_HPP
