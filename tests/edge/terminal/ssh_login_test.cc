// Logins by SSH without a session: the page is what the test says it is.
#include "edge/terminal/ssh_login.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "auth/ssh/key.h"
#include "base/secret.h"
#include "edge/fake_site.h"
#include "edge/fake_ssh_server.h"
#include "edge/terminal/grant.h"

namespace cfpipe::edge::terminal {
namespace {

namespace net = boost::asio;

class NoSite final : public FakeSite {
 public:
  net::awaitable<Answer> handle(const Request&) override { co_return Answer(); }
};

class Backend final : public TerminalBackend {
 public:
  net::awaitable<Result<std::string>> certify(const TunnelGrant&, const Request&, std::string) override {
    co_return certificate;
  }
  Result<std::string> known_host_key(const TunnelGrant&) override { return known; }
  Result<void> trust_host_key(const TunnelGrant&, const Request&, const std::string& key_line) override {
    if (!keeps) return Failure(Stage::state, Cause::state_unreadable);
    trusted.push_back(key_line);
    return {};
  }
  void files_closed(const TunnelGrant&, const Request&, const FilesUse&) override {}
  Result<std::string> certificate = std::string();
  Result<std::string> known = std::string();
  bool keeps = true;
  std::vector<std::string> trusted;
};

class PaintedOrigin final : public Origin {
 public:
  PaintedOrigin() : Origin("vm.localhost", false) {}
  std::string text() const override { return "painted"; }
  int socket = -1;  ///< -1: the origin is down

 private:
  net::awaitable<Dialled> open_socket(const TunnelGrant&, const ConnectionEnds&) const override {
    Down down;
    down.why = "it is painted";
    if (socket < 0) co_return down;
    co_return OriginSocket(co_await net::this_coro::executor, {AF_UNIX, 0}, socket);
  }
};

LogIn password(const std::string& text) {
  LogIn out;
  out.password = Secret(text);
  return out;
}

class SshLoginTest : public ::testing::Test {
 protected:
  void SetUp() override { std::signal(SIGPIPE, SIG_IGN); }  // as the programs do
  void TearDown() override { std::signal(SIGPIPE, SIG_DFL); }

  /// The page, which answers a question at once with the next of `answers_`.
  LoginPage page() {
    LoginPage out;
    out.tell = [this](const std::string& event) {
      events_.push_back(event);
      if (answers_.empty()) return;
      given_ = password(answers_.front());
      answers_.erase(answers_.begin());
    };
    out.wait = [this](SshClient* server, Event::Clock::time_point deadline) {
      return wait(server, deadline);
    };
    out.take_credentials = [this] { return std::exchange(given_, std::nullopt); };
    out.size = [] {
      Size size;
      size.columns = 132;
      size.rows = 43;
      return size;
    };
    return out;
  }
  net::awaitable<bool> wait(SshClient* server, Event::Clock::time_point deadline) {
    if (waits_left_-- == 0) co_return false;
    if (server == nullptr && given_) co_return true;
    if (server != nullptr) server->arm(event_, true);
    co_await event_->wait(deadline);
    co_return true;
  }
  LoginOutcome log_in(int socket) {
    grant_.terminal = std::make_shared<const TerminalGrant>(terminal_);
    std::optional<LoginOutcome> out;
    const auto run = [&]() -> net::awaitable<void> {
      SshLogin login(control_, grant_, std::make_shared<const Request>(), "ann", page(), timeouts_);
      out.emplace(co_await login.run(OriginSocket(io_, {AF_UNIX, 0}, socket)));
    };
    net::co_spawn(io_, run, [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
    io_.restart();
    while (!out && io_.run_one_for(std::chrono::seconds(20)) > 0) {
    }
    EXPECT_TRUE(out);
    return out ? std::move(*out) : LoginOutcome();
  }
  /// The end of a login at that server, which opened no shell.
  Ending fault(int socket) {
    const auto outcome = log_in(socket);
    const auto* ending = std::get_if<Ending>(&outcome);
    EXPECT_NE(ending, nullptr) << outcome.index();
    return ending == nullptr ? Ending() : *ending;
  }
  Ending fault(FakeSshServer& server) {
    Ending out = fault(server.take_client());
    EXPECT_FALSE(server.join().shell);
    return out;
  }
  Ending fault() {
    FakeSshServer server(options_);
    return fault(server);
  }

  FakeSshServer::Options options_;
  TerminalGrant terminal_;
  LoginTimeouts timeouts_;
  Backend backend_;
  std::vector<std::string> answers_ = {"right"};
  std::vector<std::string> events_;
  std::optional<LogIn> given_;
  int waits_left_ = -1;  ///< before the session is over; negative: it stays
  TunnelGrant grant_ = [] {
    TunnelGrant out;
    out.app_hostname = "vm.localhost";
    return out;
  }();

  net::io_context io_{1};
  std::shared_ptr<Event> event_ = std::make_shared<Event>(io_.get_executor());
  NoSite site_;
  ControlPlane control_plane_{io_.get_executor(), site_, site_};
  TerminalControl control_{control_plane_, backend_};
};

std::string fingerprint_of(const std::string& key_line) {
  return auth::fingerprint(auth::parse_public_key_line(key_line).value().blob);
}

TEST_F(SshLoginTest, OpensAShellOfThePagesSize) {
  FakeSshServer server(options_);
  answers_ = {"wrong", "right"};
  {
    const auto outcome = log_in(server.take_client());
    const auto* shell = std::get_if<Shell>(&outcome);
    ASSERT_NE(shell, nullptr);
    EXPECT_TRUE(shell->ssh);
    EXPECT_EQ(shell->host_key, fingerprint_of(server.key_line()));
    EXPECT_TRUE(shell->first_use);
  }
  EXPECT_EQ(backend_.trusted, std::vector<std::string>{server.key_line()});
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_NE(events_[1].find("The server does not take that."), std::string::npos) << events_[1];
  const auto& seen = server.join();
  EXPECT_EQ(seen.tried, (std::vector<std::string>{"wrong", "right"}));
  EXPECT_TRUE(seen.shell);
  EXPECT_EQ(seen.columns, 132);
  EXPECT_EQ(seen.rows, 43);
}

TEST_F(SshLoginTest, AHostKeyThatIsKnownOrPinnedIsNotRecorded) {
  for (const bool pinned : {false, true}) {
    FakeSshServer server(options_);
    answers_ = {"right"};
    backend_.known = pinned ? "ssh-ed25519 AAAA" : server.key_line();
    if (pinned) terminal_.host_keys = {"ssh-ed25519 BBBB", server.key_line()};
    const auto outcome = log_in(server.take_client());
    const auto* shell = std::get_if<Shell>(&outcome);
    ASSERT_NE(shell, nullptr) << pinned;
    EXPECT_FALSE(shell->first_use) << pinned;
  }
  EXPECT_TRUE(backend_.trusted.empty());
}

TEST_F(SshLoginTest, AnotherHostKeyThanIsKnownOrPinnedEndsItBeforeAnyQuestion) {
  const std::string other = auth::SshKey::generate(auth::KeyType::ed25519).authorized_key();
  for (const bool pinned : {false, true}) {
    FakeSshServer server(options_);
    backend_.known = pinned ? server.key_line() : other;
    if (pinned) terminal_.host_keys = {other};
    const Ending ending = fault(server);
    EXPECT_EQ(ending.code, "host_key_changed") << pinned;
    EXPECT_EQ(ending.details.at("recorded").as_string(), fingerprint_of(other));
    EXPECT_EQ(ending.details.at("shown").as_string(), fingerprint_of(server.key_line()));
    EXPECT_TRUE(server.join().tried.empty());
  }
  EXPECT_TRUE(events_.empty());
  EXPECT_TRUE(backend_.trusted.empty());
}

TEST_F(SshLoginTest, FaultsOfTheStateAreTheEdges) {
  backend_.keeps = false;
  EXPECT_EQ(fault().text, "The edge cannot keep the server's key now.");
  backend_.known = Failure(Stage::state, Cause::state_unreadable);
  const Ending ending = fault();
  EXPECT_EQ(ending.code, "internal");
  EXPECT_EQ(ending.text, "The edge cannot reach its state.");
  EXPECT_TRUE(events_.empty());
}

TEST_F(SshLoginTest, AlgorithmsThatDoNotMeetAreListed) {
  options_.key_exchanges = "diffie-hellman-group1-sha1";
  const Ending ending = fault();
  EXPECT_EQ(ending.code, "algorithms") << ending.text;
  EXPECT_EQ(ending.details.at("what").as_string(), "kex algos");
  EXPECT_EQ(ending.details.at("server").as_string().find("diffie-hellman-group1-sha1"), 0u);
  EXPECT_NE(ending.details.at("client").as_string().find("curve25519-sha256"), std::string::npos);
}

/// SSH_MSG_KEXINIT (RFC 4253 6 and 7.1) with these algorithms for each purpose.
std::string key_exchange_packet(const std::string& key_exchanges) {
  const auto number = [](std::size_t value) {
    const auto byte = [value](int shift) { return static_cast<char>(value >> shift & 0xff); };
    return std::string{byte(24), byte(16), byte(8), byte(0)};
  };
  std::string payload = "\x14" + std::string(16, 'c');
  for (const std::string& names :
       {key_exchanges, std::string("ssh-ed25519"), std::string("aes256-ctr"), std::string("aes256-ctr"),
        std::string("hmac-sha2-256"), std::string("hmac-sha2-256"), std::string("none"), std::string("none"),
        std::string(), std::string()})
    payload += number(names.size()) + names;
  payload += std::string(5, '\0');  // no guess follows
  const std::size_t padding = 8 + (8 - (5 + payload.size()) % 8) % 8;
  return number(1 + payload.size() + padding) + static_cast<char>(padding) + payload +
         std::string(padding, '\0');
}

TEST_F(SshLoginTest, AlgorithmsThatComeInOnePieceWithTheVersionAreListedToo) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const std::string said = "SSH-2.0-server\r\n" + key_exchange_packet("of-another-world");
  ASSERT_EQ(::write(pair[1], said.data(), said.size()), static_cast<ssize_t>(said.size()));
  const Ending ending = fault(pair[0]);
  EXPECT_EQ(ending.code, "algorithms") << ending.text;
  EXPECT_EQ(ending.details.at("what").as_string(), "kex algos");
  EXPECT_EQ(ending.details.at("server").as_string(), "of-another-world");
  ::close(pair[1]);
}

TEST_F(SshLoginTest, AServerThatClosesIsToldFromOneThatIsSilent) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  ::close(pair[1]);
  const Ending closed = fault(pair[0]);
  EXPECT_EQ(closed.code, "lost");
  EXPECT_EQ(closed.text, "The SSH server of vm.localhost broke off the connection.");
  EXPECT_FALSE(closed.details.at("said").as_string().empty());
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  timeouts_.server = std::chrono::seconds(0);
  const Ending silent = fault(pair[0]);
  EXPECT_EQ(silent.code, "lost");
  EXPECT_EQ(silent.text, "The SSH server of vm.localhost does not answer.");
  ::close(pair[1]);
}

TEST_F(SshLoginTest, OnlyWhatComesBehindTheQuestionAnswersIt) {
  given_ = password("right");
  answers_.clear();
  timeouts_.person = std::chrono::seconds(0);
  FakeSshServer server(options_);
  const Ending ending = fault(server);
  EXPECT_EQ(ending.code, "login_failed");
  EXPECT_EQ(ending.text, "The login took too long.");
  EXPECT_TRUE(server.join().tried.empty());
  EXPECT_EQ(events_.size(), 1u);
}

TEST_F(SshLoginTest, WrongPasswordsAreTakenOnlySoOften) {
  answers_.assign(2 * kMaxAttempts, "wrong");
  FakeSshServer server(options_);
  const Ending ending = fault(server);
  EXPECT_EQ(ending.code, "login_failed");
  EXPECT_EQ(ending.text, "vm.localhost does not let you in as ann.");
  EXPECT_EQ(server.join().tried.size(), static_cast<std::size_t>(kMaxAttempts));
}

TEST_F(SshLoginTest, AServerThatTakesNothingOfThePageIsNamed) {
  options_.methods = SSH_AUTH_METHOD_HOSTBASED;
  const Ending ending = fault();
  EXPECT_EQ(ending.code, "login_failed");
  EXPECT_NE(ending.text.find("takes no way to log in"), std::string::npos) << ending.text;
  EXPECT_TRUE(events_.empty());
}

TEST_F(SshLoginTest, AServerThatGivesNoShellIsNamed) {
  options_.shells = false;
  const Ending ending = fault();
  EXPECT_EQ(ending.code, "login_failed");
  EXPECT_EQ(ending.text, "vm.localhost gives no shell to ann.");
}

TEST_F(SshLoginTest, ACertificateThatIsNotMadeOrNotTakenIsNamedAndNothingIsAsked) {
  terminal_.certified = true;
  terminal_.users = {"bob", "eve"};
  backend_.certificate = Failure(Stage::state, Cause::state_unreadable, "there is no CA");
  const Ending none = fault();
  EXPECT_EQ(none.code, "login_failed");
  EXPECT_EQ(none.text, "There is no CA.");
  backend_.certificate = std::string();
  options_.methods = SSH_AUTH_METHOD_PASSWORD | SSH_AUTH_METHOD_PUBLICKEY;
  backend_.known = std::string();
  for (const bool for_this : {false, true}) {
    if (for_this) terminal_.users.emplace_back("ann");
    FakeSshServer server(options_);
    const Ending refused = fault(server);
    EXPECT_EQ(refused.code, "principal_refused");
    EXPECT_EQ(refused.details.at("users").as_string(), for_this ? "bob, eve, ann" : "bob, eve");
    EXPECT_EQ(refused.hint.find("Your certificate is for that user") == 0, for_this) << refused.hint;
    EXPECT_EQ(server.join().keys, 1);
  }
  EXPECT_TRUE(events_.empty());
}

TEST_F(SshLoginTest, ASessionThatEndsHalfWayLeavesNothing) {
  constexpr int kMostWaits = 1000;
  int waits = 0;
  for (bool done = false; !done; ++waits) {
    ASSERT_LT(waits, kMostWaits);
    FakeSshServer server(options_);
    answers_ = {"right"};
    given_.reset();
    waits_left_ = waits;
    {
      const auto outcome = log_in(server.take_client());
      EXPECT_FALSE(std::holds_alternative<Ending>(outcome)) << std::get<Ending>(outcome).text;
      done = std::holds_alternative<Shell>(outcome);
    }
    // The server's thread ends with the connection.
    const auto& seen = server.join();
    EXPECT_FALSE(seen.shell && seen.tried.empty());
    EXPECT_FALSE(given_ && !seen.tried.empty()) << "a password stays in use";
  }
  EXPECT_GE(waits, 5) << "key exchange, methods, question, password, shell";
}

TEST_F(SshLoginTest, TheOriginIsDialledFirst) {
  const auto origin = std::make_shared<PaintedOrigin>();
  grant_.origin = origin;
  const auto dial = [&] {
    std::optional<std::variant<OriginSocket, Ending>> out;
    const auto run = [&]() -> net::awaitable<void> {
      const ConnectionEnds ends{};
      out.emplace(co_await dial_for_login(grant_, ends));
    };
    net::co_spawn(io_, run, [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
    io_.restart();
    io_.run();
    return std::move(out).value();
  };
  const auto down = dial();
  ASSERT_TRUE(std::holds_alternative<Ending>(down));
  EXPECT_EQ(std::get<Ending>(down).code, "origin_down");
  EXPECT_EQ(std::get<Ending>(down).text, "The origin of vm.localhost is down: it is painted.");
  FakeSshServer server(options_);
  origin->socket = server.take_client();
  EXPECT_TRUE(std::holds_alternative<OriginSocket>(dial()));
}

}  // namespace
}  // namespace cfpipe::edge::terminal
