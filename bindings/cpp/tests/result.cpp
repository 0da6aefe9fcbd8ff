// Tests Result, errors, names, settings and callbacks: what works without a server.

#include <countersign.hpp>
#include <cstdio>
#include <map>
#include <sstream>
#include <stdexcept>
#include <vector>

using namespace countersign;
using namespace std::chrono_literals;

static int faults = 0;

static void check(bool holds, const char *what, int line) {
    if (holds) return;
    std::printf("result.cpp:%d: %s\n", line, what);
    ++faults;
}
#define CHECK(...) check((__VA_ARGS__), #__VA_ARGS__, __LINE__)

static_assert(std::is_same_v<Result<int>::value_type, int> && std::is_same_v<Result<int>::error_type, Error>);
static_assert(std::is_same_v<decltype(*std::declval<Result<Token>>()), Token>, "a temporary returns a new value");

// The header's namespace has a version, so that two headers in one program don't clash.
static_assert(std::is_same_v<Client, v0::Client> && std::is_same_v<Verdict, v0::Verdict>);

static Error failure() { return Error(Status::throttled, Verdict::retry, "too many requests"); }

static void values() {
    Result<std::string> made = "token";
    CHECK(made && made.has_value() && *made == "token" && made->size() == 5);
    made->append("s");
    CHECK(*made == "tokens" && made.value_or("none") == "tokens");
    CHECK(*Result<std::string>("temporary") == "temporary");
    const Result<std::string> failed = failure();
    CHECK(!failed && failed.value_or("none") == "none");
    CHECK(failed.error().status() == Status::throttled);
    CHECK(failed.error_or(Error(Status::busy, Verdict::retry, "")).kind() == Kind::throttled);
    CHECK(made.error_or(failure()).kind() == Kind::throttled);
    Result<std::unique_ptr<int>> moved = std::make_unique<int>(3);
    const auto taken = std::move(moved).value();
    CHECK(*taken == 3);
    CHECK(!Result<std::unique_ptr<int>>(failure()).value_or(nullptr));
}

static void chains() {
    const auto half = [](int number) -> Result<int> {
        if (number % 2 != 0) return Error(Status::bad_argument, Verdict::unexpected, "odd");
        return number / 2;
    };
    const Result<int> twelve = 12, failed = failure();
    CHECK(*twelve.and_then(half).and_then(half) == 3);
    const auto odd = twelve.and_then(half).and_then(half).and_then(half);
    CHECK(odd.error().message() == "odd");
    CHECK(failed.and_then(half).error().kind() == Kind::throttled);
    CHECK(*twelve.transform([](int number) { return std::to_string(number); }) == "12");
    CHECK(!failed.transform([](int number) { return std::to_string(number); }));
    CHECK(*failed.or_else([](const Error &) -> Result<int> { return 1; }) == 1);
    CHECK(*twelve.or_else([](const Error &) -> Result<int> { return 1; }) == 12);

    auto unique = Result<std::unique_ptr<int>>(std::make_unique<int>(4)).transform([](std::unique_ptr<int> number) {
        ++*number;
        return number;
    });
    CHECK(**unique == 5);
    Result<int> counted = 1;
    counted.and_then([](int &number) -> Result<void> { return ++number, Result<void>(); }).value();
    CHECK(*counted == 2);

    int called = 0;
    const Result<void> done;
    CHECK(*done.transform([&] { return ++called; }) == 1);
    CHECK(done.and_then([&]() -> Result<void> { return failure(); }).error().retryable());
    CHECK(twelve.transform([&](int) { ++called; }).has_value() && called == 2);
    CHECK(!Result<void>(failure()).transform([&] { ++called; }) && called == 2);
    CHECK(Result<void>(failure()).or_else([](const Error &) { return Result<void>(); }).has_value());
}

#ifdef __cpp_lib_expected
static void expected() {
    const std::expected<int, Error> made = Result<int>(3).to_expected();
    CHECK(made == 3);
    const std::expected<void, Error> failed = Result<void>(failure()).to_expected();
    CHECK(!failed && failed.error().retryable());
    CHECK(**Result<std::unique_ptr<int>>(std::make_unique<int>(4)).to_expected() == 4);
    CHECK(Result<void>().to_expected().has_value());
}
#else
static void expected() {}
#endif

static void errors() {
    const auto error = failure();
    CHECK(error.retryable() && error.message() == "too many requests" && error.get() == nullptr);
    CHECK(error.hint().empty() && !error.retry_after() && !error.cause());
    // A success is no error.
    CHECK(Error(CSIGN_STATUS_OK, nullptr).kind() == Kind::internal);
    CHECK(Result<void>(Error(Status::ok, Verdict::retry, "x")).error().status() == Status::internal);

    const auto unknown = Config::make({{"subjekt", "x"}}).error();
    CHECK(unknown.kind() == Kind::setting && !unknown.retryable());
    CHECK(Error(Status::panic, Verdict::unexpected, "").kind() == Kind::internal);
    const auto key = Key::from_secret("0123456789abcdef0123456789abcdef").value();
    const auto forged = key.verify("e30.e30.e30");
    CHECK(forged.error().kind() == Kind::verification);
    const auto misused = Client().token();
    CHECK(misused.error().kind() == Kind::usage && misused.error().status() == Status::null_argument);
}

static void names() {
    std::ostringstream out;
    out << Verdict::fix_configuration << ' ' << Kind::consent_required << ' ' << Source::cache << ' '
        << Status::closed << ' ' << LogLevel::warn << ' ' << GrantType::jwt_bearer << ' ' << Counter::minted;
    CHECK(out.str() == "fix_configuration consent_required cache CLOSED warn jwt-bearer minted");
    out.str("");
    out << failure();
    CHECK(out.str() == "throttled: too many requests");
    out.str("");
    out << Config::make({{"client_idd", "x"}}).error();
    CHECK(out.str().find("setting: ") == 0 && out.str().find("did you mean `client_id`? (") != std::string::npos);
    CHECK(name(static_cast<Kind>(77)) == "unknown");
#ifdef __cpp_lib_format
    CHECK(std::format("{:>6} {}", Verdict::retry, failure()) == " retry throttled: too many requests");
#endif
}

/// The reader of the library's JSON.
static void json() {
    using detail::Json;
    const auto read = Json::parse(R"( {"a": "x\u00e9\ud83d\ude00\n\"", "b": [1, 23, "c"], "d": {"e": true}, "n": null} )");
    CHECK(read && (*read)["a"].string() == "x\u00e9\U0001F600\n\"" && (*read)["b"].values()[1].number() == 23);
    CHECK((*read)["b"].values()[2].string() == "c" && (*read)["d"]["e"].is_true() && (*read)["d"].text() == "{\"e\": true}");
    CHECK((*read)["n"].is_null() && (*read)["missing"].is_null() && (*read)["a"].values().empty());
    CHECK(Json::parse("{}") && Json::parse("[]") && Json::parse("[[], {}]") && Json::parse("99999999999999999999"));
    for (const auto *text : {"", "{", "[", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{1:2}", "\"a", "\"\\", "\"\\u12", "\"\\x\"",
                             "\"\\ud83d\"", "\"\\ud83d\\u0041\"", "1 2", "{} x", ","}) {
        CHECK(!Json::parse(text));
    }
    CHECK(!Json::parse(std::string(100000, '[')));
}

/// Settings from any range of pairs, and by assignment.
static void settings_of_any_range() {
    const std::map<std::string, std::string> map{{"provider", "boldsign"},       {"environment", "us"},
                                                 {"grant", "client-credentials"}, {"client_id", "my-app"},
                                                 {"client_secret", "s3cret"},     {"store", "memory"}};
    CHECK(Client::make(Config::make(map).value()).has_value());
    const std::vector<std::pair<const char *, std::string>> list(map.size() == 6 ? 1 : 0, {"subjekt", "x"});
    const auto rejected = Config::make(list);
    CHECK(rejected.error().setting() == "subjekt");

    auto config = Config::make().value();
    for (const auto &[key, value] : map) config[key] = value;
    config["grant"] = GrantType::client_credentials;
    config["client_auth"] = ClientAuthentication::post;
    CHECK(!config.first_error() && Client::make(config).has_value());
    config["subjekt"] = "x";
    config["other"] = "y";
    const auto made = Client::make(config);
    CHECK(made.error().setting() == "subjekt");
}

/// The library knows every value of the two enums.
static void settings_of_every_value() {
    for (const auto grant : {GrantType::jwt_bearer, GrantType::authorization_code, GrantType::refresh_token,
                             GrantType::client_credentials}) {
        auto config = Config::make({{"provider", "salesforce"}}).value();
        config["grant"] = grant;
        const auto made = Client::make(config);
        CHECK(!config.first_error() && made.error().setting() != "grant");
    }
    for (const auto authentication : {ClientAuthentication::none, ClientAuthentication::basic,
                                      ClientAuthentication::post, ClientAuthentication::private_key_jwt,
                                      ClientAuthentication::client_secret_jwt}) {
        auto config = Config::make({{"provider", "salesforce"}, {"grant", "refresh-token"}}).value();
        config["client_auth"] = authentication;
        const auto made = Client::make(config);
        CHECK(!config.first_error() && made.error().setting() != "client_auth");
    }
}

/// Callbacks that can be moved but not copied.
static void move_only() {
    auto signer = [secret = std::make_unique<std::string>(64, 'x')](std::string_view) -> std::optional<std::string> {
        return *secret;
    };
    const auto key = Key::from_signer("ES256", "k", std::move(signer)).value();
    CHECK(key.sign_bytes("anything").value() == std::string(64, 'x'));
    auto config = Config::make().value();
    auto held = std::make_shared<int>();
    auto owned = [held, unique = std::make_unique<int>()](Change, const TokenView *) {};
    CHECK(config.set_listener(std::move(owned)).has_value() && held.use_count() == 2);
    auto log = [unique = std::make_unique<int>()](LogLevel, std::string_view) {};
    CHECK(config.set_log(LogLevel::debug, std::move(log)).has_value());
    CHECK(config.set_clock([unique = std::make_unique<int>()]() -> std::optional<Moment> { return {}; }).has_value());
    config = Config();
    CHECK(held.use_count() == 1);
    std::optional<std::string> (*none)(std::string_view) = nullptr;
    CHECK(Key::from_signer("ES256", "", none).error().status() == Status::null_argument);
}

/// A source of tokens for tests, without the library.
class Fake : public TokenSource {
  public:
    Result<Token> token(std::chrono::milliseconds) const override { return Token::bearer("fake", time); }
    Result<void> invalidate(std::string_view) const override { return failure(); }

    const std::chrono::system_clock::time_point time{1h};
};

static void sources() {
    const Fake fake;
    const TokenSource &source = fake;
    const auto token = source.token().value();
    CHECK(token && token.access_token() == "fake" && token.authorization() == "Bearer fake");
    CHECK(token.type() == "Bearer" && token.scope().empty() && token.extra_json() == "{}" && token.extra("x").empty());
    CHECK(token.expires_at() == fake.time && !Token::bearer("x").expires_at());
    const auto copy = token;
    CHECK(copy.access_token().data() == token.access_token().data());
    CHECK(!source.invalidate("fake"));
    const Client client;
    const TokenSource &empty = client;
    CHECK(empty.token().error().kind() == Kind::usage && empty.invalidate("x").error().kind() == Kind::usage);
}

int main() {
    try {
        values();
        chains();
        expected();
        errors();
        names();
        json();
        settings_of_any_range();
        settings_of_every_value();
        move_only();
        sources();
    } catch (const std::exception &error) {
        std::printf("result.cpp: %s\n", error.what());
        return 1;
    }
    std::printf("results: %s\n", faults == 0 ? "passed" : "failed");
    return faults == 0 ? 0 : 1;
}
