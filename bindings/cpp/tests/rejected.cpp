// Code that must not compile, one case at a time. rejected.sh compiles each case with all compilers
// or only with clang, and the file without a case as a control. The reason is a regular expression.

#include <countersign.hpp>
#include <string_view>

using namespace countersign;

namespace {

[[maybe_unused]] Result<Token> token_of(const TokenSource &source) { return source.token(); }

[[maybe_unused]] std::size_t control(const TokenSource &source) {
    const auto token = token_of(source);
    if (!token) return 0;
    const std::string_view header = token->authorization();
    return header.size();
}

#ifdef VIEW_OF_A_TEMPORARY_TOKEN  // all: deleted
std::string_view header = token_of(Client()).value().authorization();
#endif

#ifdef VIEW_THROUGH_A_TEMPORARY_RESULT  // all: deleted
std::string_view header = token_of(Client())->authorization();
#endif

#ifdef VIEW_OF_A_TEMPORARY_ERROR  // all: deleted
std::string_view hint = token_of(Client()).error().hint();
#endif

#ifdef VIEW_OF_A_TEMPORARY_TEXT  // all: deleted
std::string_view page = Client().consent_url().value().view();
#endif

#ifdef VIEW_OF_A_TEMPORARY_LOGIN  // all: deleted
std::string_view url = Client().start_login().value().url();
#endif

#ifdef HANDLE_OF_A_TEMPORARY  // all: deleted
const csign_client *handle = Client().get();
#endif

#ifdef VIEW_OF_A_LOCAL_TOKEN  // clang: stack memory associated with local variable
std::string_view leave(const Client &client) {
    const auto token = client.token().value();
    return token.access_token();
}
#endif

#ifdef VALUE_OF_A_LOCAL_RESULT  // clang: stack memory associated with local variable
const Token &leave(const Client &client) {
    const auto token = client.token();
    return *token;
}
#endif

#ifdef VIEW_OF_A_LOCAL_ERROR  // clang: stack memory associated with local variable
std::string_view leave(const Client &client) {
    const auto token = client.token();
    return token.error().message();
}
#endif

#ifdef REFERENCE_TO_A_TEMPORARY  // clang: temporary bound to|temporary .* destroyed at the end
void dangle() {
    const std::string_view view = static_cast<const Token &>(Token()).access_token();
    static_cast<void>(view);
}
#endif

#ifdef IGNORED_RESULT  // all: nodiscard
void ignore(const Client &client) { client.token(); }
#endif

#ifdef FAILED_WITHOUT_AN_ERROR  // all: no matching|no matching constructor
Result<int> result = Error();
#endif

#ifdef COPIED_CLIENT  // all: deleted
Client copy(const Client &client) { return client; }
#endif

#ifdef SIGNER_WITHOUT_A_SIGNATURE  // all: a signer takes a std::string_view
auto key = Key::from_signer("ES256", "", [](std::string_view) { return 1; });
#endif

#ifdef LISTENER_WITHOUT_A_TOKEN  // all: a listener takes a Change
void listen(Config &config) { config.set_listener([](Change) {}).value(); }
#endif

#ifdef KEPT_SETTING  // all: no viable overloaded|passing .* discards|no match
void keep(Config &config) {
    auto setting = config["client_id"];
    setting = "id";
}
#endif

#ifdef STATUS_AS_A_NUMBER  // all: no match|invalid operands
bool compare(const Error &error) { return error.status() == 5; }
#endif

#ifdef ABSTRACT_SOURCE  // all: abstract
TokenSource *source = new TokenSource();
#endif

}  // namespace
