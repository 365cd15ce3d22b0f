#include "transport/dial/proxy_dial.h"

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "loopback.h"
#include "support/hosts.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kPassword = "s%3Acret";

class ProxyDialTest : public testing::LoopbackTest {
 protected:
  using Script = std::function<net::awaitable<void>(tcp::socket&)>;

  // A proxy at the acceptor that does as the script says with every connection, and closes it then.
  void proxy_does(Script what) {
    script = std::move(what);
    net::co_spawn(loop, accept_scripted(), net::detached);
  }
  // One that hears the whole request, says this, and waits for the end.
  void proxy_says(std::string answer) {
    proxy_does([this, answer](tcp::socket& socket) -> net::awaitable<void> {
      asked = co_await heard(socket, "\r\n\r\n");
      co_await net::async_write(socket, net::buffer(answer), net::as_tuple(net::use_awaitable));
      co_await heard(socket, "\xff never said \xff");
    });
  }

  net::awaitable<void> accept_scripted() {
    for (;;) {
      auto [error, socket] = co_await acceptor.async_accept(net::as_tuple(net::use_awaitable));
      if (error) co_return;
      ++accepted;
      net::co_spawn(loop, run_script(std::move(socket)), net::detached);
    }
  }
  net::awaitable<void> run_script(tcp::socket socket) { co_await script(socket); }

  static net::awaitable<std::string> heard(tcp::socket& socket, std::string end) {
    std::string text;
    co_await net::async_read_until(socket, net::dynamic_buffer(text), end, net::as_tuple(net::use_awaitable));
    co_return text;
  }

  void use_proxy(const std::string& scheme, const std::string& host = "127.0.0.1") {
    const auto port = std::to_string(acceptor.local_endpoint().port());
    auto proxy = parse_proxy(scheme + "://ann:" + kPassword + "@" + host + ":" + port, "--proxy");
    ASSERT_TRUE(proxy);
    auto settings = std::make_shared<ProxySettings>();
    settings->proxy = std::move(*proxy);
    settings->no_proxy = no_proxy;
    settings->this_machine_too = this_machine_too;
    options.proxy = settings;
  }

  static Url far_away() {
    Url out;
    out.host = transport::host_of("vm.example.test");
    return out;
  }

  Failure failure() {
    const auto where = far_away();
    auto dialled = connected(dial_tcp(where, options));
    EXPECT_FALSE(*dialled);
    if (*dialled) return {};
    EXPECT_THAT((*dialled).error().detail, Not(HasSubstr("cret")));
    EXPECT_THAT((*dialled).error().detail, Not(HasSubstr("ann")));
    return (*dialled).error();
  }

  Script script;
  std::string asked;
  std::string no_proxy;
  bool this_machine_too = false;
};

TEST_F(ProxyDialTest, NamesAreTheProxysToLookUpAndTheLoginGoesWithIt) {
  use_proxy("http");
  proxy_says("HTTP/1.1 200 OK\r\n\r\n");
  const auto socket = connected(dial_tcp(far_away(), options));
  ASSERT_TRUE(*socket);
  EXPECT_THAT(asked, StartsWith("CONNECT vm.example.test:443 HTTP/1.1\r\n"));
  EXPECT_THAT(asked, HasSubstr("\r\nProxy-Authorization: Basic YW5uOnM6Y3JldA==\r\n"));  // ann:s:cret
}

TEST_F(ProxyDialTest, ConnectToIsWhatTheProxyIsAskedFor) {
  use_proxy("http");
  options.connect_to = *Authority::parse("other.example.test");
  proxy_says("HTTP/1.1 200 OK\r\n\r\n");
  ASSERT_TRUE(*connected(dial_tcp(far_away(), options)));
  EXPECT_THAT(asked, StartsWith("CONNECT other.example.test:443 HTTP/1.1\r\n"));
}

TEST_F(ProxyDialTest, BytesBehindTheAnswerAreTheOtherSides) {
  use_proxy("http");
  proxy_says("HTTP/1.1 200 OK\r\n\r\nfirst words");
  auto socket = connected(dial_tcp(far_away(), options));
  ASSERT_TRUE(*socket);
  std::array<char, 11> words{};
  net::read(**socket, net::buffer(words));
  EXPECT_EQ(std::string(words.data(), words.size()), "first words");
}

TEST_F(ProxyDialTest, WhatTheListTakesOutIsDialledDirectly) {
  no_proxy = "vm.localhost";
  this_machine_too = true;
  use_proxy("http", "unknown.invalid");
  const auto socket = connected(dial_tcp(url(), options));
  ASSERT_TRUE(*socket);
  EXPECT_EQ((*socket)->remote_endpoint(), acceptor.local_endpoint());
}

TEST_F(ProxyDialTest, ThisMachineIsDialledDirectly) {
  use_proxy("http", "unknown.invalid");
  ASSERT_TRUE(*connected(dial_tcp(url(), options)));
  auto to_address = url();
  to_address.host = transport::host_of("127.0.0.1");
  ASSERT_TRUE(*connected(dial_tcp(to_address, options)));
}

TEST_F(ProxyDialTest, AnswersThatAreNoneAreFaultsOfTheProxy) {
  struct Row {
    std::string answer;
    Cause cause;
    std::string says;
  };
  use_proxy("http");
  for (const auto& [answer, cause, says] : std::vector<Row>{
           {"SSH-2.0-OpenSSH_9.2\r\n", Cause::proxy_failed, "not HTTP"},
           {std::string("\0\1\2\3", 4), Cause::proxy_failed, "not HTTP"},
           {"HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'), Cause::proxy_failed, "endless"},
           {"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
            Cause::proxy_login_needed, "to vm.example.test:443"},
           {"HTTP/1.1 403 Filtered\r\n\r\n", Cause::proxy_refused, "to vm.example.test:443"}}) {
    proxy_says(answer);
    const auto found = failure();
    EXPECT_EQ(found.stage, Stage::proxy);
    EXPECT_EQ(found.cause, cause);
    EXPECT_THAT(found.detail, HasSubstr(says));
    EXPECT_THAT(found.detail, StartsWith("http://127.0.0.1:"));
  }
}

TEST_F(ProxyDialTest, AnEndBeforeTheAnswerIsToldHoweverMuchHasCome) {
  for (const std::string scheme : {"http", "socks5h"}) {
    for (const std::string& beginning :
         {std::string(), std::string(scheme == "http" ? "HTTP/1.1 200 O" : "\x05")}) {
      use_proxy(scheme);
      proxy_does([beginning](tcp::socket& socket) -> net::awaitable<void> {
        co_await net::async_write(socket, net::buffer(beginning), net::as_tuple(net::use_awaitable));
      });
      const auto found = failure();
      EXPECT_EQ(found.stage, Stage::proxy);
      EXPECT_EQ(found.cause, Cause::proxy_failed);
      EXPECT_THAT(found.detail, HasSubstr("closed the connection"));
    }
  }
}

TEST_F(ProxyDialTest, SilenceEndsWithTheDeadline) {
  options.proxy_deadline = 50ms;
  for (const std::string scheme : {"http", "socks5h"}) {
    for (const std::string& beginning :
         {std::string(), std::string(scheme == "http" ? "HTTP/1.1 200 O" : "\x05")}) {
      use_proxy(scheme);
      proxy_does([beginning](tcp::socket& socket) -> net::awaitable<void> {
        co_await net::async_write(socket, net::buffer(beginning), net::as_tuple(net::use_awaitable));
        co_await heard(socket, "\xff never said \xff");
      });
      const auto found = failure();
      EXPECT_EQ(found.stage, Stage::proxy);
      EXPECT_EQ(found.cause, Cause::timed_out);
    }
  }
}

TEST_F(ProxyDialTest, AProxyThatIsNotThereIsAFaultOfTheProxyStage) {
  use_proxy("http", "unknown.invalid");
  auto found = failure();
  EXPECT_EQ(found.stage, Stage::proxy);
  EXPECT_EQ(found.cause, Cause::name_not_found);
  const auto port = acceptor.local_endpoint().port();
  acceptor.close();
  tcp::socket taken(loop, tcp::endpoint(net::ip::address_v4::loopback(), port));
  auto proxy = parse_proxy("http://127.0.0.1:" + std::to_string(port), "--proxy");
  auto settings = std::make_shared<ProxySettings>();
  settings->proxy = std::move(*proxy);
  options.proxy = settings;
  found = failure();
  EXPECT_EQ(found.stage, Stage::proxy);
  EXPECT_EQ(found.cause, Cause::refused);
}

TEST_F(ProxyDialTest, Socks5LooksTheNameUpHere) {
  this_machine_too = true;
  use_proxy("socks5");
  std::string request;
  proxy_does([&request](tcp::socket& socket) -> net::awaitable<void> {
    std::array<char, 64> room{};
    co_await socket.async_read_some(net::buffer(room), net::as_tuple(net::use_awaitable));
    const std::string no_login("\x05\x00", 2);
    co_await net::async_write(socket, net::buffer(no_login), net::as_tuple(net::use_awaitable));
    auto [error, size] =
        co_await socket.async_read_some(net::buffer(room), net::as_tuple(net::use_awaitable));
    request.assign(room.data(), size);
    const std::string open("\x05\x00\x00\x01\0\0\0\0\0\0", 10);
    co_await net::async_write(socket, net::buffer(open), net::as_tuple(net::use_awaitable));
  });
  ASSERT_TRUE(*connected(dial_tcp(url(), options)));
  EXPECT_EQ(request.substr(0, 8), std::string("\x05\x01\x00\x01\x7f\x00\x00\x01", 8));
  Url nowhere;
  nowhere.host = transport::host_of("unknown.invalid");
  const auto unknown = connected(dial_tcp(nowhere, options));
  ASSERT_FALSE(*unknown);
  EXPECT_EQ((*unknown).error().stage, Stage::dns);
}

// A proxy that is spoken to over TLS: the other side's TLS is inside of its.
TEST_F(ProxyDialTest, TlsToTheProxyHidesTheTalkAndCarriesTheRest) {
  use_proxy("https", "vm.localhost");
  serve([this](Channel& channel) -> net::awaitable<void> {
    asked = co_await read_until(channel, "\r\n\r\n");
    co_await say(channel, "HTTP/1.1 200 OK\r\n\r\nfirst words");
    const auto got = co_await read_until(channel, "goodbye");
    co_await say(channel, got);
    co_await until_gone(channel);
  });
  auto dialled = connected(dial_tcp(far_away(), options));
  ASSERT_TRUE(*dialled);
  EXPECT_THAT(asked, StartsWith("CONNECT vm.example.test:443"));
  const auto echo = [](tcp::socket socket) -> net::awaitable<std::string> {
    const std::string words = std::string(300'000, 'w') + "goodbye";
    co_await net::async_write(socket, net::buffer(words), net::as_tuple(net::use_awaitable));
    co_return co_await heard(socket, "goodbye");
  };
  auto talking = echo(std::move(**dialled));
  const auto got = run(std::move(talking));
  EXPECT_EQ(*got, "first words" + std::string(300'000, 'w') + "goodbye");
}

TEST_F(ProxyDialTest, AProxyWhoseCertificateIsNotTrustedIsAFaultOfTheProxyStage) {
  use_proxy("https", "other.localhost");
  serve([](Channel& channel) -> net::awaitable<void> { co_await until_gone(channel); });
  const auto found = failure();
  EXPECT_EQ(found.stage, Stage::proxy);
  EXPECT_EQ(found.cause, Cause::tls_name_mismatch);
}

}  // namespace
}  // namespace cfpipe::transport
