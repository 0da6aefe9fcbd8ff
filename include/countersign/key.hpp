// Keys: reading, signing and verifying.
// countersign.hpp includes this file.

#ifndef COUNTERSIGN_KEY_HPP
#define COUNTERSIGN_KEY_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../countersign.h"
#include "call.hpp"
#include "callback.hpp"
#include "text.hpp"

namespace countersign {
inline namespace v0 {

/// What a key is. A text that doesn't apply is empty.
struct KeyInfo {
    /// "private", "public" or "certificate".
    std::string kind;
    /// "RSA", "EC", "OKP" or "oct".
    std::string type;
    int bits = 0;
    /// The curve, such as "P-256".
    std::string curve;
    /// The file's format, such as "pkcs8".
    std::string format;
    std::string key_id;
    /// The SHA-256 digest of the public key's SubjectPublicKeyInfo, in hex.
    std::string spki_sha256;
    /// The thumbprint of RFC 7638.
    std::string jwk_thumbprint;
    /// The algorithms that the key can be used with, its default first.
    std::vector<std::string> algorithms;
    /// The public key as a JWK (RFC 7517), in JSON.
    std::string public_jwk;
    /// Everything, in JSON, with the key's certificates.
    std::string json;
};

/// A private or public key, a certificate, a JWK Set, or a key that stays in a device. It is
/// immutable.
class Key {
  public:
    Key() noexcept = default;
    explicit Key(::csign_key *key) noexcept : key_(key) {}

    /// Reads a key in any supported format. `passphrase` is for encrypted keys.
    static Result<Key> read(std::string_view data, std::string_view passphrase = {}) {
        return detail::make<Key, ::csign_key>([&](auto **out, auto **error) {
            return ::csign_key_read(bytes(data), data.size(), passphrase.data(), passphrase.size(), out, error);
        });
    }
    /// Returns a key for HS256, HS384 and HS512 from a shared secret.
    static Result<Key> from_secret(std::string_view secret) {
        return detail::make<Key, ::csign_key>([&](auto **out, auto **error) {
            return ::csign_key_from_secret(bytes(secret), secret.size(), out, error);
        });
    }
    /// Returns a key that stays in a device and signs with a callback, as Config::set_signer does,
    /// with an algorithm such as "ES256".
    template <typename Signer>
    static Result<Key> from_signer(std::string_view algorithm, std::string_view key_id, Signer &&signer) {
        const auto sign = &detail::sign<std::decay_t<Signer>>;
        return detail::keep(std::forward<Signer>(signer), sign, [&](auto called, void *kept, auto destroy) {
            return detail::make<Key, ::csign_key>([&](auto **out, auto **error) {
                return ::csign_key_from_signer(algorithm.data(), algorithm.size(), key_id.data(), key_id.size(), called,
                                               kept, destroy, out, error);
            });
        });
    }

    /// Signs claims, a JSON object, and returns a compact JWS (RFC 7515 section 7.1). Empty
    /// arguments mean the key's default algorithm, the key's own `kid`, and no `typ`.
    Result<Text> sign(std::string_view claims_json, std::string_view algorithm = {}, std::string_view key_id = {},
                      std::string_view type = {}) const {
        return detail::make<Text, ::csign_text>([&](auto **out, auto **error) {
            return ::csign_key_sign(key_.get(), algorithm.data(), algorithm.size(), key_id.data(), key_id.size(),
                                    type.data(), type.size(), claims_json.data(), claims_json.size(), out, error);
        });
    }
    /// Signs bytes and returns the signature in the format of RFC 7518 section 3.
    Result<std::string> sign_bytes(std::string_view input, std::string_view algorithm = {}) const {
        std::string signature(1024, '\0');
        std::size_t length = 0;
        auto done = detail::run([&](auto **error) {
            return ::csign_key_sign_bytes(key_.get(), algorithm.data(), algorithm.size(), bytes(input), input.size(),
                                          reinterpret_cast<std::uint8_t *>(&signature[0]), signature.size(), &length,
                                          error);
        });
        if (!done) return std::move(done).error();
        signature.resize(length);
        return signature;
    }
    /// Verifies a compact JWS and returns its payload. It uses the given algorithm or, if that is
    /// empty, the key's, but never the token's (RFC 8725). It doesn't check times or the audience.
    Result<Text> verify(std::string_view token, std::string_view algorithm = {}) const {
        return detail::make<Text, ::csign_text>([&](auto **out, auto **error) {
            return ::csign_key_verify(key_.get(), algorithm.data(), algorithm.size(), token.data(), token.size(), out,
                                      error);
        });
    }
    /// Describes the key. Fails for a JWK Set and for a key in a device.
    Result<KeyInfo> info() const {
        auto text = detail::make<Text, ::csign_text>(
            [&](auto **out, auto **error) { return ::csign_key_info(key_.get(), out, error); });
        return detail::read(std::move(text), [](const detail::Json &key) {
            KeyInfo info;
            info.kind = key["kind"].string();
            info.type = key["type"].string();
            info.bits = static_cast<int>(key["bits"].number());
            info.curve = key["curve"].string();
            info.format = key["format"].string();
            info.key_id = key["key_id"].string();
            info.spki_sha256 = key["spki_sha256"].string();
            info.jwk_thumbprint = key["jwk_thumbprint"].string();
            info.algorithms = key["algorithms"].strings();
            if (!key["public_jwk"].is_null()) info.public_jwk = key["public_jwk"].text();
            info.json = key.text();
            return info;
        });
    }

  private:
    static const std::uint8_t *bytes(std::string_view data) noexcept {
        return reinterpret_cast<const std::uint8_t *>(data.data());
    }
    detail::Owner<::csign_key, &::csign_key_free> key_;
};

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_KEY_HPP
