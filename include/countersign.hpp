// libcountersign for C++17 and newer: a header-only layer on countersign.h.
//
//     auto config = countersign::Config::make({{"provider", "boldsign"},
//                                              {"environment", "us"},
//                                              {"grant", "client-credentials"},
//                                              {"client_id", id},
//                                              {"client_secret", secret},
//                                              {"scopes", "BoldSign.Documents.All"}}).value();
//     auto client = countersign::Client::make(config).value();
//     if (auto token = client.token()) send(token->authorization());
//
// Functions that can fail return a Result, which works like std::expected. value() throws
// countersign::Error on failure. Without exceptions (-fno-exceptions), value() ends the program on
// failure, so check the result first.
//
// Owners can be moved but not copied, except that a Token can be copied. They free their object when
// they are destroyed. A moved-from or default-constructed owner is empty, and its calls fail with
// Status::null_argument. A returned std::string_view is borrowed from its object, is followed by a
// NUL, and is empty if there is no value. So a temporary can't return one:
// `client.token().value().authorization()` doesn't compile. Store the token in a variable first.
//
// Const member functions may run concurrently on the same object. Config and Registry are not
// thread-safe. Callbacks are kept until nothing calls them any more, possibly after their client was
// destroyed, and may be called and destroyed on any thread. A callback that throws counts as failed.
// Error::cause returns what a signer or a login's `open` threw. A callback must not call its client.
//
// Include this file. Its parts are in countersign/, and later releases may divide them differently.
//
// countersign.h documents each call, and docs/abi.md the guarantees between releases.

#ifndef COUNTERSIGN_HPP
#define COUNTERSIGN_HPP

#include "countersign.h"
#include "countersign_abi.hpp"
#include "countersign/call.hpp"
#include "countersign/callback.hpp"
#include "countersign/client.hpp"
#include "countersign/config.hpp"
#include "countersign/error.hpp"
#include "countersign/format.hpp"
#include "countersign/json.hpp"
#include "countersign/key.hpp"
#include "countersign/login.hpp"
#include "countersign/registry.hpp"
#include "countersign/result.hpp"
#include "countersign/start.hpp"
#include "countersign/text.hpp"
#include "countersign/token.hpp"
#include "countersign/version.hpp"
#include "countersign/view.hpp"

namespace countersign {
inline namespace v0 {

static_assert(sizeof(Key) == sizeof(void *) && sizeof(Registry) == sizeof(void *) && sizeof(Login) == sizeof(void *) &&
                  sizeof(Text) == sizeof(void *),
              "an owner is one pointer");

}  // namespace v0
}  // namespace countersign

#endif  // COUNTERSIGN_HPP
