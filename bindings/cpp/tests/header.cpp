// Tests what countersign.hpp adds to the C functions: owners, results, and callbacks that may
// throw.

#include <atomic>
#include <countersign.hpp>
#include <cstdio>
#include <fstream>
#include <future>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <type_traits>

using namespace countersign;
using namespace std::chrono_literals;

static int faults = 0;

static void check(bool holds, const char *what, int line) {
    if (holds) return;
    std::printf("header.cpp:%d: %s\n", line, what);
    ++faults;
}
#define CHECK(...) check((__VA_ARGS__), #__VA_ARGS__, __LINE__)

static_assert(std::is_nothrow_move_constructible_v<Client> && std::is_nothrow_move_assignable_v<Client>);
static_assert(!std::is_copy_constructible_v<Client> && std::is_nothrow_copy_constructible_v<Token>);
static_assert(!std::is_copy_constructible_v<Config> && !std::is_copy_constructible_v<Key>);
static_assert(std::is_nothrow_copy_constructible_v<Error>, "copying an exception must not throw");
static_assert(!std::is_default_constructible_v<Error>, "there is no error without a failure");

/// Whether CALL is allowed on an lvalue but not on a temporary, whose result would dangle.
#define BORROWED(NAME, CALL)                                                          \
    template <typename T, typename = void>                                            \
    struct can_##NAME : std::false_type {};                                           \
    template <typename T>                                                             \
    struct can_##NAME<T, std::void_t<decltype(std::declval<T>().CALL)>> : std::true_type {}; \
    template <typename T>                                                             \
    constexpr bool NAME##_is_borrowed = can_##NAME<T &>{} && can_##NAME<const T &>{} && !can_##NAME<T>{} && \
                                        !can_##NAME<const T>{}

BORROWED(authorization, authorization());
BORROWED(access_token, access_token());
BORROWED(value, value());
BORROWED(type, type());
BORROWED(scope, scope());
BORROWED(extra, extra(""));
BORROWED(extra_json, extra_json());
BORROWED(view, view());
BORROWED(url, url());
BORROWED(state, state());
BORROWED(message, message());
BORROWED(hint, hint());
BORROWED(setting, setting());
BORROWED(oauth_error, oauth_error());
BORROWED(oauth_description, oauth_description());
BORROWED(trace_id, trace_id());
BORROWED(provider, provider());
BORROWED(get, get());

#define BORROWS(TYPE, NAME) static_assert(NAME##_is_borrowed<TYPE>, #TYPE)
BORROWS(Token, authorization);
BORROWS(Token, access_token);
BORROWS(Token, type);
BORROWS(Token, scope);
BORROWS(Token, extra);
BORROWS(Token, extra_json);
BORROWS(Token, get);
BORROWS(Text, view);
BORROWS(Login, url);
BORROWS(Login, state);
BORROWS(Login, get);
BORROWS(Error, message);
BORROWS(Error, hint);
BORROWS(Error, setting);
BORROWS(Error, oauth_error);
BORROWS(Error, oauth_description);
BORROWS(Error, url);
BORROWS(Error, trace_id);
BORROWS(Error, provider);
BORROWS(Error, get);
BORROWS(Client, get);
BORROWS(Config, get);
BORROWS(Registry, get);

// A temporary result returns values, not references.
static_assert(std::is_same_v<decltype(std::declval<Result<Token>>().value()), Token>);
static_assert(std::is_same_v<decltype(std::declval<Result<Token>>().error()), Error>);
static_assert(std::is_same_v<decltype(std::declval<Result<void>>().error()), Error>);
static_assert(!can_value<const Result<Token>>{});

static Config config_of(const std::string &dir, const char *connection) {
    auto config = Config::load(connection, dir + "/connections.toml").value();
    config.set("store", "memory").value();
    return config;
}

static void results() {
    const auto failed = Config::make({{"subjekt", "x"}});
    CHECK(!failed && !failed.has_value());
    CHECK(failed.error().status() == Status::setting);
    CHECK(failed.error().verdict() == Verdict::fix_configuration);
    CHECK(failed.error().setting() == "subjekt");
    CHECK(failed.error().message() == failed.error().what());
    CHECK(failed.error().oauth_error().data() == nullptr && !failed.error().retry_after());
    bool thrown = false;
    try {
        static_cast<void>(failed.value());
    } catch (const Error &error) {
        thrown = error.setting() == "subjekt";
    }
    CHECK(thrown);
    const Error copy = failed.error();
    CHECK(copy.get() == failed.error().get() && copy.hint() == failed.error().hint());

    auto made = Config::make({{"provider", "boldsign"}});
    CHECK(made.has_value());
    Result<void> set = made->set("grant", "client-credentials");
    CHECK(set.has_value());
    set = made->set("grant", "");
    CHECK(!set);

    auto nameless = Config::make({{"provider", "boldsign"},
                                  {"environment", "us"},
                                  {"grant", "client-credentials"},
                                  {"client_id", "my-app"},
                                  {"client_secret", "s3cret"},
                                  {"store", "file:never-made"}});
    const auto unnamed = Client::make(nameless.value());
    CHECK(unnamed.error().setting() == "name");
}

static void owners(const std::string &dir) {
    auto config = config_of(dir, "docusign-jwt");
    auto client = Client::make(config).value();
    auto moved = std::move(client);
    CHECK(client.get() == nullptr);  // NOLINT: the moved-from state is guaranteed
    CHECK(client.token().error().status() == Status::null_argument);
    CHECK(Client().check_saved().error().status() == Status::null_argument);
    CHECK(Client::make(Config()).error().status() == Status::null_argument);
    const Token no_token;
    const Text no_text;
    const Login no_login;
    CHECK(no_token.access_token().empty() && no_text.view().empty() && no_login.url().empty());

    const auto token = moved.token().value();
    CHECK(token.source() == Source::minted && token.authorization() == "Bearer " + std::string(token.access_token()));
    CHECK(token.expires_at() && *token.expires_at() > std::chrono::system_clock::now());
    CHECK(token.extra("nothing of that name").data() == nullptr && token.extra_json() == "{}");

    const auto peeked = moved.peek().value();
    CHECK(peeked && peeked.access_token() == token.access_token() && peeked.source() == Source::cache);
    const auto again = moved.peek(60s).value(), asked = moved.token().value();
    CHECK(again.get() == peeked.get() && asked.get() == peeked.get());
    const auto shared = peeked;
    CHECK(shared.get() == peeked.get() && !Token(Token()) && !Token());

    std::string copied;
    CHECK(moved.copy_token(copied).has_value() && copied == token.access_token());
    CHECK(moved.copy_token(copied).has_value() && copied == token.access_token());
    CHECK(moved.access_token(60s).value() == token.access_token());
    const auto refreshed = moved.refresh().value();
    CHECK(refreshed.access_token() != copied);
    CHECK(moved.count(Counter::minted).value() == 2);
    CHECK(moved.peek_token(copied).has_value() && copied == moved.access_token().value());
    CHECK(!moved.identity().value()["base_uri"].empty());
    CHECK(moved.invalidate(copied).has_value());
    CHECK(moved.peek_token(copied).has_value() && copied.empty());
    CHECK(moved.peek().has_value() && !moved.peek().value() && !moved.peek(60s).value());
    CHECK(moved.events().value().empty());
    const auto saved = moved.start_login().value().save().value();
    const auto restored = Login::restore(saved.view()).value();
    CHECK(!restored.url().empty() && restored.url().find(restored.state()) != std::string_view::npos);
    CHECK(!Login::restore("x"));
    CHECK(moved.drain(5s).has_value() && moved.token().error().status() == Status::busy);
    CHECK(moved.close().has_value() && moved.close().has_value());
    const auto closed = moved.token().error();
    CHECK(closed.status() == Status::closed && closed.kind() == Kind::usage && closed.verdict() == Verdict::unexpected);
    CHECK(moved.copy_token(copied).error().status() == Status::closed && copied.empty());
    CHECK(moved.peek().error().status() == Status::closed);
    CHECK(!token.access_token().empty() && shared.access_token() == token.access_token());
}

/// A signer replaces the file's key.
static void unset(const std::string &dir) {
    auto config = config_of(dir, "docusign-jwt");
    config.set_signer("RS256", "", [](std::string_view) { return std::nullopt; }).value();
    const auto failed = Client::make(config);
    CHECK(failed.error().setting() == "private_key");
    CHECK(config.unset("private_key").has_value() && config.unset("private_key").has_value());
    CHECK(Client::make(config).has_value());
    const auto unknown = config.unset("private_kee");
    CHECK(unknown.error().setting() == "private_kee");
}

/// Returns the message of an exception, or an empty string.
static std::string thrown_by(const std::exception_ptr &cause) {
    try {
        if (cause) std::rethrow_exception(cause);
    } catch (const std::exception &error) {
        return error.what();
    }
    return {};
}

/// Two signers fail at the same time; each caller gets its own exception.
static void causes() {
    std::atomic<int> failing{0};
    const auto key = Key::from_signer("ES256", "", [&failing](std::string_view input) -> std::optional<std::string> {
                         ++failing;
                         while (failing < 2) std::this_thread::yield();
                         throw std::runtime_error(std::string(input));
                     }).value();
    std::string first, second;
    std::thread other([&] { second = thrown_by(key.sign_bytes("second").error().cause()); });
    first = thrown_by(key.sign_bytes("first").error().cause());
    other.join();
    CHECK(first == "first" && second == "second");
}

/// A signer runs on the request's thread, and its exception reaches the caller.
static void cause_of_a_request(const std::string &dir) {
    auto config = config_of(dir, "docusign-jwt");
    config.unset("private_key").value();
    config.set_signer("RS256", "", [](std::string_view) -> std::optional<std::string> {
              throw std::runtime_error("the HSM is offline");
          }).value();
    const auto failed = Client::make(config).value().token();
    CHECK(failed.error().status() == Status::signing);
    CHECK(thrown_by(failed.error().cause()) == "the HSM is offline");
    const auto client = Client::make(config_of(dir, "boldsign-code")).value();
    const auto login = client.login([](std::string_view) -> bool { throw std::runtime_error("no browser"); });
    CHECK(thrown_by(login.error().cause()) == "no browser");
}

static void callbacks(const std::string &dir) {
    const auto kept = std::make_shared<int>(0);
    auto changes = std::make_shared<std::atomic<int>>(0);
    Token heard;
    {
        auto config = config_of(dir, "boldsign-cc");
        config.set_clock([kept]() -> std::optional<Moment> { throw std::runtime_error("a clock that throws"); }).value();
        config.set_log(LogLevel::debug, [kept](LogLevel, std::string_view) { throw 1; }).value();
        config.set_listener([kept, changes, &heard](Change change, const TokenView *token) {
            if ((change == Change::forgotten) == (token == nullptr)) ++*changes;
            if (token != nullptr) heard = token->share();
            throw std::runtime_error("a listener that throws");
        }).value();
        CHECK(kept.use_count() == 4);
        const auto client = Client::make(config).value();
        const auto token = client.token().value();
        CHECK(token.access_token() == heard.access_token());
        CHECK(client.forget().value().revocation == Revocation::revoked);
        CHECK(*changes == 2);
        CHECK(client.force_forget().value().revocation == Revocation::nothing_held);
        CHECK(*changes == 3);
        CHECK(!client.login([](std::string_view) -> bool { throw 1; }));
        CHECK(!client.login(std::function<bool(std::string_view)>()));
        CHECK(config.set_clock(std::function<std::optional<Moment>()>()).error().status() == Status::null_argument);
        CHECK(kept.use_count() == 4);
    }
    // A request's thread may be the last to release a callback.
    while (kept.use_count() > 1) std::this_thread::yield();
    CHECK(!heard.access_token().empty());

    auto key = Key::from_signer("ES256", "k", [kept](std::string_view input) -> std::optional<std::string> {
                   if (input == "throw") throw std::runtime_error("a signer that throws");
                   if (input == "reject") return std::nullopt;
                   return std::string(input == "long" ? 2000 : 64, 'x');
               }).value();
    CHECK(key.sign_bytes("anything").value().size() == 64);
    for (const auto *input : {"throw", "reject", "long"}) {
        CHECK(key.sign_bytes(input).error().status() == Status::signing);
    }
    CHECK(thrown_by(key.sign_bytes("throw").error().cause()) == "a signer that throws");
    CHECK(!key.sign_bytes("reject").error().cause());
    CHECK(kept.use_count() == 2);
    CHECK(!Key::from_signer("none", "", [kept](std::string_view) { return std::string(); }));
    CHECK(kept.use_count() == 2);
    key = Key();
    CHECK(kept.use_count() == 1);
}

/// Each call that waits returns a future too, which needs no client once it has begun.
static void futures(const std::string &dir) {
    auto config = config_of(dir, "docusign-jwt");
    config.unset("private_key").value();
    std::promise<void> asked, released;
    config.set_signer("RS256", "", [&](std::string_view) -> std::optional<std::string> {
              asked.set_value();
              released.get_future().wait();
              throw std::runtime_error("too late");
          }).value();
    auto client = Client::make(config).value();
    auto token = client.token_async();
    asked.get_future().wait();
    // The caller can give up. The call goes on, even without the client.
    CHECK(token.wait_for(0s) == std::future_status::timeout);
    CHECK(client.token_async({}, {1ms}).get().error().kind() == Kind::timeout);
    const Cancel cancel;
    auto cancelled = client.identity_async({60s, cancel});
    cancel.set();
    CHECK(cancelled.get().error().kind() == Kind::cancelled);
    CHECK(client.refresh_async({60s, cancel}).get().error().retryable());
    client = Client();
    released.set_value();
    CHECK(thrown_by(token.get().error().cause()) == "too late");
    CHECK(client.token_async(60s).get().error().kind() == Kind::usage);

    client = Client::make(config_of(dir, "docusign-jwt")).value();
    const auto first = client.token_async().get().value();
    CHECK(first.source() == Source::minted);
    const auto refreshed = client.refresh_async().get().value();
    CHECK(refreshed.access_token() != first.access_token());
    CHECK(client.events_async().get().has_value());
    CHECK(!client.refresh_token_expires_at_async().get().value());
    CHECK(!client.identity_async().get().value()["base_uri"].empty());
    CHECK(!client.complete_login_async(Login(), "x").get());
    CHECK(client.forget_async().get().has_value() && client.force_forget_async().get().has_value());
    CHECK(client.drain_async(5s).get().has_value());
}

/// The script that runs this makes the sandbox return this refresh token's expiry.
static void end_of_a_refresh_token(const std::string &dir) {
    const auto client = Client::make(config_of(dir, "salesforce-refresh")).value();
    CHECK(!client.refresh_token_expires_at().value());
    client.token().value();
    const auto events = client.events().value();
    CHECK(events.size() >= 2 && events.front().what == "intended" && events.back().what == "refreshed");
    for (const auto &event : events) {
        CHECK(!event.by.empty() && event.at > std::chrono::system_clock::now() - 1h);
    }
    const auto left = *client.refresh_token_expires_at().value() - std::chrono::system_clock::now();
    CHECK(left > 4900s && left < 5060s);
}

/// A P-521 key, which the library doesn't support. The script that runs this created it.
static void unusable_key(const std::string &dir) {
    std::ifstream file(dir + "/p521.pem");
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const auto failed = Key::read(text).error();
    CHECK(failed.status() == Status::key);
    CHECK(failed.hint().find("P-256 or P-384") != std::string_view::npos);
}

static void others() {
    CHECK(abi_matches() && !version().empty());
    CHECK(name(Verdict::outcome_unknown) == "outcome_unknown" && name(Status::busy) == "BUSY");
    const auto all = settings().value();
    const auto is_secret = [&](std::string_view name) {
        for (const auto &setting : all) {
            if (setting.name == name) return setting.secret && !setting.about.empty();
        }
        return false;
    };
    CHECK(is_secret("client_secret") && !is_secret("client_id"));
    const auto key = Key::from_secret("0123456789abcdef0123456789abcdef").value();
    const auto token = key.sign("{\"sub\":\"somebody\"}", "HS256", "one", "JWT").value();
    CHECK(key.verify(token.view()).value().str() == "{\"sub\":\"somebody\"}");
    const auto forged = key.verify(token.str() + "x").error();
    CHECK(forged.kind() == Kind::verification && forged.verdict() == Verdict::unexpected);
    CHECK(key.sign("[]").error().status() == Status::bad_argument);
    const auto info = key.info().value();
    CHECK(info.kind == "private" && info.type == "oct" && info.bits == 256 && info.curve.empty());
    CHECK(info.algorithms == std::vector<std::string>{"HS256", "HS384", "HS512"} && info.public_jwk.empty());
    CHECK(!Key::read("not a key"));
    auto registry = Registry::make().value();
    const auto providers = registry.providers().value();
    CHECK(providers[0].id == "docusign" && providers[0].name == "DocuSign" && providers[0].grants[0] == "jwt-bearer");
    CHECK(providers[0].environments == std::vector<std::string>{"demo", "production"});
    CHECK(providers[0].extra.count("account_id") == 1 && providers[0].documentation.find("https://") == 0);
    CHECK(registry.set_log(LogLevel::warn, [](LogLevel, std::string_view) {}).has_value());
    CHECK(registry.add_profile("x").error().status() == Status::setting);
    CHECK(registry.load_plugin("relative.so").error().status() == Status::setting);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    try {
        results();
        owners(argv[1]);
        unset(argv[1]);
        callbacks(argv[1]);
        causes();
        cause_of_a_request(argv[1]);
        futures(argv[1]);
        end_of_a_refresh_token(argv[1]);
        unusable_key(argv[1]);
        others();
    } catch (const std::exception &error) {
        std::printf("%s\n", error.what());
        return 1;
    }
    std::printf("countersign.hpp: %s\n", faults == 0 ? "passed" : "failed");
    return faults == 0 ? 0 : 1;
}
