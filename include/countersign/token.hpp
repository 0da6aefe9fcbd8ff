// Tokens, and what returns them.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_TOKEN_HPP
#define COUNTERSIGN_TOKEN_HPP

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../countersign.h"
#include "call.hpp"
#include "view.hpp"

namespace countersign {
inline namespace v0 {

namespace detail {

/// A token that was made without the library.
struct MadeToken {
    std::string access_token, authorization, type = "Bearer", scope, extra_json = "{}";
    std::optional<std::chrono::system_clock::time_point> expires_at;
};

}  // namespace detail

/// A header of an API request, borrowed from its token. The value is a secret.
struct Header {
    std::string_view name, value;
};

/// The accessors of an owned or borrowed token.
template <typename Self>
class TokenFields {
  public:
    /// Returns the access token string. It is a secret: don't log it.
    std::string_view access_token() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return text(&::csign_token_value, &detail::MadeToken::access_token);
    }
    std::string_view access_token() const && = delete;
    /// Returns the value of the HTTP `Authorization` header, nearly always "Bearer ...". It is a
    /// secret.
    std::string_view authorization() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return text(&::csign_token_authorization, &detail::MadeToken::authorization);
    }
    std::string_view authorization() const && = delete;
    /// Returns all headers that an API request needs to carry the token: `Authorization`, unless the
    /// vendor's profile says otherwise. Fails if a header needs a value that the token doesn't have.
    Result<std::vector<Header>> headers() const & COUNTERSIGN_LIFETIMEBOUND {
        if (const auto *made = self().made()) return std::vector<Header>{{"Authorization", made->authorization}};
        std::size_t count = 0;
        auto counted = detail::run([&](auto **error) { return ::csign_token_header_count(self().get(), &count, error); });
        if (!counted) return std::move(counted).error();
        std::vector<Header> headers;
        headers.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            headers.push_back({detail::view(&::csign_token_header_name, self().get(), i),
                               detail::view(&::csign_token_header_value, self().get(), i)});
        }
        return headers;
    }
    Result<std::vector<Header>> headers() const && = delete;
    /// Returns the token type as the vendor sent it, nearly always "Bearer".
    std::string_view type() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return text(&::csign_token_type, &detail::MadeToken::type);
    }
    std::string_view type() const && = delete;
    /// Returns the granted scopes, separated by spaces. Empty if the vendor doesn't say.
    std::string_view scope() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return text(&::csign_token_scope, &detail::MadeToken::scope);
    }
    std::string_view scope() const && = delete;
    /// Returns when the token expires, if the vendor says so.
    std::optional<std::chrono::system_clock::time_point> expires_at() const noexcept {
        if (const auto *made = self().made()) return made->expires_at;
        return detail::time_of(::csign_token_expires_at(self().get()));
    }
    Source source() const noexcept {
        return self().made() != nullptr ? Source::minted : static_cast<Source>(::csign_token_source(self().get()));
    }
    /// Returns one of the vendor's additional members, such as "instance_url".
    std::string_view extra(std::string_view name) const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return detail::view(&::csign_token_extra, self().get(), name.data(), name.size());
    }
    std::string_view extra(std::string_view name) const && = delete;
    /// Returns the vendor's additional members as a JSON object of strings.
    std::string_view extra_json() const & noexcept COUNTERSIGN_LIFETIMEBOUND {
        return text(&::csign_token_extra_json, &detail::MadeToken::extra_json);
    }
    std::string_view extra_json() const && = delete;

  private:
    const Self &self() const noexcept { return *static_cast<const Self *>(this); }
    std::string_view text(const char *(*field)(const ::csign_token *, std::size_t *),
                          std::string detail::MadeToken::*member) const noexcept {
        if (const auto *made = self().made()) return made->*member;
        return detail::view(field, self().get());
    }
};

/// An access token. It is immutable. Copies share it, and the last one wipes it.
class Token : public TokenFields<Token> {
  public:
    /// Creates an empty token.
    Token() noexcept = default;
    explicit Token(::csign_token *token) noexcept : token_(token) {}
    Token(Token &&) noexcept = default;
    Token &operator=(Token &&) noexcept = default;
    Token(const Token &other) noexcept : token_(::csign_token_share(other.token_.get())), made_(other.made_) {}
    Token &operator=(const Token &other) noexcept { return *this = Token(other); }
    ~Token() = default;

    /// Creates a bearer token without the library, for your own TokenSource and for tests. It is not
    /// wiped.
    static Token bearer(std::string access_token,
                        std::optional<std::chrono::system_clock::time_point> expires_at = std::nullopt) {
        detail::MadeToken made;
        made.authorization = "Bearer " + access_token;
        made.access_token = std::move(access_token);
        made.expires_at = expires_at;
        Token token;
        token.made_ = std::make_shared<const detail::MadeToken>(std::move(made));
        return token;
    }

    /// Returns whether there is a token.
    explicit operator bool() const noexcept { return token_ != nullptr || made_ != nullptr; }
    /// Returns the C object, borrowed, or NULL.
    const ::csign_token *get() const & noexcept COUNTERSIGN_LIFETIMEBOUND { return token_.get(); }
    const ::csign_token *get() const && = delete;

  private:
    friend class TokenFields<Token>;
    const detail::MadeToken *made() const noexcept { return made_.get(); }

    detail::Owner<::csign_token, &::csign_token_free> token_;
    std::shared_ptr<const detail::MadeToken> made_;
};

/// A token that is borrowed until the listener returns.
class TokenView : public TokenFields<TokenView> {
  public:
    explicit TokenView(const ::csign_token *token) noexcept : token_(token) {}
    /// Returns an owner of the token, to keep it.
    Token share() const noexcept { return Token(::csign_token_share(token_)); }
    const ::csign_token *get() const noexcept { return token_; }

  private:
    friend class TokenFields<TokenView>;
    static const detail::MadeToken *made() noexcept { return nullptr; }

    const ::csign_token *token_;
};

/// Returns tokens. Client implements it, HTTP adapters take it, and a test can pass its own.
class TokenSource {
  public:
    virtual ~TokenSource() = default;

    /// Returns a token that is valid for at least this long; 0 means the source's default.
    virtual Result<Token> token(std::chrono::milliseconds min_valid = {}) const = 0;
    /// Reports an access token that an API rejected with 401. The next token is another one, if
    /// there is one.
    virtual Result<void> invalidate(std::string_view access_token) const = 0;

  protected:
    TokenSource() = default;
    TokenSource(const TokenSource &) = default;
    TokenSource &operator=(const TokenSource &) = default;
    TokenSource(TokenSource &&) = default;
    TokenSource &operator=(TokenSource &&) = default;
};

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_TOKEN_HPP
