#include "play.hpp"

#include <condition_variable>
#include <countersign/curl.hpp>
#include <functional>
#include <thread>
#include <vector>

#include "expect.hpp"
#include "stage.hpp"

namespace scenarios {

using countersign::Client;
using countersign::Result;
using countersign::Token;
using nlohmann::json;

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// Waits until a condition holds, checking it every 10 ms.
void wait_until(const std::string &what, std::chrono::seconds most, const std::function<bool()> &holds) {
    const auto end = Clock::now() + most;
    while (!holds()) {
        if (Clock::now() > end) throw Failed(what);
        std::this_thread::sleep_for(10ms);
    }
}

/// Runs threads that are released together.
class Together {
  public:
    template <typename Work>
    Together(int count, const Work &work) {
        for (int index = 0; index < count; ++index) {
            threads_.emplace_back([this, index, work] {
                {
                    std::unique_lock<std::mutex> guard(lock_);
                    released_.wait(guard, [this] { return go_; });
                }
                work(index);
            });
        }
        const std::lock_guard<std::mutex> guard(lock_);
        go_ = true;
        released_.notify_all();
    }
    ~Together() {
        for (auto &thread : threads_) thread.join();
    }
    Together(const Together &) = delete;
    Together &operator=(const Together &) = delete;

  private:
    std::mutex lock_;
    std::condition_variable released_;
    bool go_ = false;
    std::vector<std::thread> threads_;
};

class Player {
  public:
    Player(const Sandbox &sandbox, const json &scenario) : sandbox_(sandbox), stage_(sandbox, scenario) {}

    ~Player() {
        for (auto &call : left_) call.join();
    }
    Player(const Player &) = delete;
    Player &operator=(const Player &) = delete;

    /// Builds the client. Returns false if this failed as the scenario expects.
    bool open(const json &scenario);
    void step(const json &step);

  private:
    void token(const json &step, Result<Token> got);
    void login(const json &step);
    void threads(const json &step);
    void cancel();
    void api(const json &step);
    void events(const json &expect);
    void close_in_use(int count);
    void collect(int rounds);
    void counts(const json &expect);
    void forget(const json &step);
    void identity(const json &step);

    /// Returns whether there is a value to check. Checks an expected error.
    template <typename T>
    bool arrived(const json &step, const Result<T> &got);

    const Sandbox &sandbox_;
    Stage stage_;
    std::optional<Client> client_;
    std::map<std::string, std::string> tokens_;
    /// Cancelled calls, which continue.
    std::vector<std::thread> left_;
};

bool Player::open(const json &scenario) {
    auto made = stage_.client();
    if (scenario.contains("open")) {
        known(scenario["open"], {"error"});
        if (made) throw Failed("the client was built");
        expect_error(made.error(), scenario["open"].at("error"));
        return false;
    }
    if (!made) throw Failed("cannot build the client: " + reported(made.error()));
    client_ = std::move(made).value();
    return true;
}

void Player::step(const json &step) {
    const std::string what = step.at("do");
    const auto expect = step.value("expect", json::object());
    if (what == "token") {
        known(step, {"do", "min_valid_s", "as", "expect"});
        token(step, client_->token(std::chrono::seconds(step.value("min_valid_s", 0))));
    } else if (what == "refresh") {
        known(step, {"do", "as", "expect"});
        token(step, client_->refresh());
    } else if (what == "login") {
        known(step, {"do", "decision", "as", "expect"});
        login(step);
    } else if (what == "invalidate") {
        known(step, {"do", "token"});
        client_->invalidate(tokens_.at(step.at("token"))).value();
    } else if (what == "identity") {
        known(step, {"do", "expect"});
        identity(step);
    } else if (what == "forget") {
        known(step, {"do", "force", "expect"});
        forget(step);
    } else if (what == "drain") {
        known(step, {"do"});
        client_->drain(std::chrono::seconds(10)).value();
    } else if (what == "counts") {
        known(step, {"do", "expect"});
        counts(expect);
    } else if (what == "advance") {
        known(step, {"do", "s"});
        stage_.advance(step.at("s"));
    } else if (what == "sandbox") {
        known(step, {"do", "post", "body"});
        sandbox_.post(step.at("post"), step.at("body").dump());
    } else if (what == "reopen") {
        known(step, {"do"});
        client_->close().value();
        client_.reset();
        client_ = stage_.client().value();
    } else if (what == "threads") {
        known(step, {"do", "count", "as", "expect"});
        threads(step);
    } else if (what == "cancel") {
        known(step, {"do"});
        cancel();
    } else if (what == "api") {
        known(step, {"do", "path", "expect"});
        api(step);
    } else if (what == "events") {
        known(step, {"do", "expect"});
        events(expect);
    } else if (what == "close_in_use") {
        known(step, {"do", "count"});
        close_in_use(step.at("count"));
    } else if (what == "collect") {
        known(step, {"do", "rounds"});
        collect(step.at("rounds"));
    } else {
        throw Failed("unknown step `" + what + "`");
    }
}

template <typename T>
bool Player::arrived(const json &step, const Result<T> &got) {
    const auto expect = step.value("expect", json::object());
    if (expect.contains("error")) {
        known(expect, {"error"});
        if (got) throw Failed("it succeeded");
        expect_error(got.error(), expect["error"]);
        return false;
    }
    if (!got) throw Failed(reported(got.error()));
    return true;
}

void Player::token(const json &step, Result<Token> got) {
    if (!arrived(step, got)) return;
    expect_token(got.value(), step.value("expect", json::object()), tokens_, stage_.now_s());
    if (step.contains("as")) tokens_[step["as"]] = std::string(got->access_token());
}

void Player::login(const json &step) {
    const auto begun = client_->start_login().value();
    const auto response = sandbox_.get(std::string(begun.url()) + "&_sandbox=" + step.at("decision").get<std::string>());
    if (response.location.find(begun.state()) == std::string::npos) throw Failed("the page does not redirect: " + std::to_string(response.status));
    token(step, client_->complete_login(begun, response.location));
}

void Player::identity(const json &step) {
    const auto got = client_->identity();
    if (!arrived(step, got)) return;
    const auto expect = step.value("expect", json::object());
    known(expect, {"extra"});
    if (expect.contains("extra")) expect_extra(expect["extra"], json(*got));
}

void Player::forget(const json &step) {
    const auto got = step.value("force", false) ? client_->force_forget() : client_->forget();
    if (!arrived(step, got)) return;
    const auto expect = step.value("expect", json::object());
    known(expect, {"revocation"});
    const std::string was(countersign::name(got->revocation));
    if (expect.contains("revocation") && expect["revocation"] != was) throw Failed("the revocation is " + was);
}

void Player::counts(const json &expect) {
    static const std::map<std::string, countersign::Counter> counters{
        {"hits", countersign::Counter::hits},       {"adopted", countersign::Counter::adopted},
        {"minted", countersign::Counter::minted},   {"refreshed", countersign::Counter::refreshed},
        {"waits", countersign::Counter::waits},     {"failures", countersign::Counter::failures},
    };
    for (const auto &[name, wanted] : expect.items()) {
        const auto count = client_->count(counters.at(name)).value();
        if (wanted != count) throw Failed(name + " is " + std::to_string(count) + " instead of " + wanted.dump());
    }
}

void Player::threads(const json &step) {
    const int count = step.at("count");
    std::vector<std::optional<Result<Token>>> got(static_cast<std::size_t>(count));
    { Together together(count, [&](int index) { got[static_cast<std::size_t>(index)] = client_->token(); }); }
    std::string first;
    for (auto &each : got) {
        if (*each) {
            if (first.empty()) first = (*each)->access_token();
            if (first != (*each)->access_token()) throw Failed("two threads got different tokens");
        }
        token(step, std::move(*each));
    }
}

/// A call can't be cancelled in C++. It continues on its thread, and the caller goes on.
void Player::cancel() {
    const auto before = sandbox_.log().size();
    auto ended = std::make_shared<std::atomic<bool>>(false);
    left_.emplace_back([this, ended] {
        const auto token = client_->token();
        static_cast<void>(token);
        *ended = true;
    });
    wait_until("no request arrived", 10s, [&] { return sandbox_.log().size() == before + 1; });
    if (*ended) throw Failed("the call ended before it was cancelled");
}

/// Sends a request with the adapter, which sends it once more after a 401.
void Player::api(const json &step) {
    const auto before = sandbox_.log().size();
    const auto address = sandbox_.url + step.at("path").get<std::string>();
    const std::unique_ptr<CURL, void (*)(CURL *)> easy(curl_easy_init(), &curl_easy_cleanup);
    curl_easy_setopt(easy.get(), CURLOPT_CAINFO, sandbox_.ca_file.c_str());
    curl_easy_setopt(easy.get(), CURLOPT_PROXY, "");
    const auto response = countersign::curl::send(*client_, easy.get(), {address}).value();
    const auto expect = step.value("expect", json::object());
    known(expect, {"status", "token_requests"});
    const auto requests = sandbox_.log().size() - before;
    if (expect.contains("status") && expect["status"] != response.status) {
        throw Failed("the API responded with " + std::to_string(response.status));
    }
    if (expect.contains("token_requests") && expect["token_requests"] != requests) {
        throw Failed("there were " + std::to_string(requests) + " token requests");
    }
}

void Player::events(const json &expect) {
    known(expect, {"obtained", "rotated", "forgotten"});
    wait_until("the listener did not receive " + expect.dump(), 5s, [&] {
        const std::lock_guard<std::mutex> guard(stage_.heard->lock);
        for (const auto &[change, wanted] : expect.items()) {
            if (wanted != stage_.heard->changes.at(change)) return false;
        }
        return true;
    });
}

void Player::close_in_use(int count) {
    std::atomic<int> served{0}, wrong{0};
    const auto start = Clock::now();
    {
        Together together(count, [&](int) {
            for (bool first = true;; first = false) {
                const auto token = client_->token();
                if (!token) {
                    if (token.error().status() != countersign::Status::closed) ++wrong;
                    return;
                }
                if (first) ++served;
            }
        });
        try {
            wait_until("the threads got no token", 10s, [&] { return served + wrong >= count; });
        } catch (...) {
            (void)client_->close();
            throw;
        }
        client_->close().value();
    }
    if (wrong != 0) throw Failed(std::to_string(wrong) + " threads did not get the error for a closed client");
    if (Clock::now() - start > 10s) throw Failed("the threads did not end within 10 s");
    if (client_->token().error().status() != countersign::Status::closed) throw Failed("a closed client returns tokens");
}

/// There is no garbage collector: each client is destroyed at the end of its scope.
void Player::collect(int rounds) {
    for (int round = 0; round < rounds; ++round) {
        const auto mine = client_->token().value();
        const auto other = stage_.client().value();
        if (other.access_token().value() != mine.access_token()) throw Failed("another client has another token");
    }
}

}  // namespace

void play(const Sandbox &sandbox, const json &scenario) {
    known(scenario, {"name", "about", "connection", "settings", "clock", "signer", "listener", "plugin", "open",
                     "steps", "requests"});
    {
        Player player(sandbox, scenario);
        if (player.open(scenario)) {
            std::size_t number = 0;
            for (const auto &step : scenario.at("steps")) {
                ++number;
                try {
                    player.step(step);
                } catch (const countersign::Error &error) {
                    throw Failed("step " + std::to_string(number) + ": " + reported(error));
                } catch (const std::exception &error) {
                    throw Failed("step " + std::to_string(number) + ": " + error.what());
                }
            }
        }
    }
    if (scenario.contains("requests")) {
        json grants = json::array();
        for (const auto &entry : sandbox.log()) grants.push_back(entry.at("grant"));
        if (grants != scenario["requests"]) throw Failed("the requests are " + grants.dump());
    }
}

}  // namespace scenarios
