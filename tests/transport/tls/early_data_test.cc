// Sessions that are resumed, and requests that travel with the first bytes of a handshake.
#include <deque>
#include <map>

#include "loopback.h"
#include "support/hosts.h"
#include "transport/dial/dialer.h"
#include "transport/tls/session.h"
#include "transport/websocket/client.h"
#include "transport/websocket/handshake.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {
using tunnel::IoStatus;
using namespace std::chrono_literals;

using Dialled = Result<std::unique_ptr<TlsChannel>>;
using Opened = Result<std::unique_ptr<tunnel::Stream>>;

struct MemoryStore final : SessionStore {
  std::optional<Secret> take(const std::string& key) override {
    auto& kept = sessions[key];
    if (kept.empty()) return std::nullopt;
    auto newest = std::move(kept.back());
    kept.pop_back();
    return newest;
  }
  void put(const std::string& key, const Secret& session) override {
    sessions[key].push_back(session.clone());
  }
  std::size_t size() const {
    std::size_t all = 0;
    for (const auto& [key, kept] : sessions) all += kept.size();
    return all;
  }
  std::map<std::string, std::deque<Secret>> sessions;
};

class EarlyDataTest : public testing::LoopbackTest {
 protected:
  EarlyDataTest() { options.sessions = store; }

  /// As serve(), by a server that takes early data; what it was before it looked is in `was_early`.
  void serve_early(SslCtx context, Serve what) {
    server_context = std::move(context);
    handler = std::move(what);
    net::co_spawn(loop, accept_all_early(), net::detached);
  }
  void serve_early(Serve what) { serve_early(ca.server("vm.localhost"), std::move(what)); }

  net::awaitable<void> accept_all_early() {
    for (;;) {
      auto [error, socket] = co_await acceptor.async_accept(net::as_tuple(net::use_awaitable));
      if (error) co_return;
      ++accepted;
      net::co_spawn(loop, one_early(std::move(socket)), net::detached);
    }
  }
  net::awaitable<void> one_early(net::ip::tcp::socket socket) {
    SslPtr ssl(SSL_new(server_context.get()));
    SSL_set_accept_state(ssl.get());
    TlsChannel channel(std::move(socket), std::move(ssl));
    if (!co_await channel.accept(timeout, "client")) co_return;
    was_early.push_back(!channel.tls().established());
    co_await handler(channel);
  }

  /// What every connection is told: the line it sent; and then, when that has proved to be from now, that it
  /// may go: with a new ticket.
  Serve echo() {
    return [this](TlsChannel& channel) -> net::awaitable<void> {
      heard.push_back(co_await read_until(channel, "\n"));
      const std::string said = "you said " + heard.back();
      co_await say(channel, said);
      co_await channel.establish(timeout, "client");
      co_await say(channel, "go\n");
      co_await until_gone(channel);
    };
  }

  net::awaitable<Result<std::string>> ask(std::string line, bool& sent) {
    const auto where = url();
    const EarlyData early = [&line]() -> std::string_view { return line; };
    auto channel = co_await dial_tls(where, options, &early);
    if (!channel) co_return channel.error();
    sent = (*channel)->early_data_accepted();
    if (!sent) co_await say(**channel, line);
    auto text = co_await read_until(**channel, "go\n");
    if (text.ends_with("go\n")) text.resize(text.size() - 3);
    co_return text;
  }
  /// The answer to a line, on a new connection; `sent` says whether it went as early data.
  std::string answer(const std::string& line, bool& sent) {
    const auto got = run(ask(line, sent));
    return *got ? **got : (*got).error().detail;
  }

  std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>();
  std::chrono::milliseconds timeout{10'000};
  std::vector<bool> was_early;
  std::vector<std::string> heard;
};

TEST_F(EarlyDataTest, GoesOutWithAResumedHandshakeAndIsHeardBeforeItsEnd) {
  serve_early(echo());
  bool sent = true;
  EXPECT_EQ(answer("first\n", sent), "you said first\n");
  EXPECT_FALSE(sent);
  for (const std::string line : {"second\n", "third\n"}) {
    EXPECT_EQ(store->size(), 1U);
    EXPECT_EQ(answer(line, sent), "you said " + line);
    EXPECT_TRUE(sent);
  }
  EXPECT_EQ(was_early, (std::vector<bool>{false, true, true}));
}

TEST_F(EarlyDataTest, TicketIsGoodForOneConnection) {
  serve_early(echo());
  bool sent = true;
  answer("first\n", sent);
  auto& kept = store->sessions.begin()->second;
  kept.push_back(kept.back().clone());
  kept.push_back(kept.back().clone());
  EXPECT_EQ(answer("second\n", sent), "you said second\n");
  EXPECT_TRUE(sent);
  kept.pop_back();  // its replacement: what is left are copies of the ticket that was used
  EXPECT_EQ(answer("third\n", sent), "you said third\n");
  EXPECT_FALSE(sent);
  EXPECT_EQ(was_early, (std::vector<bool>{false, true, false}));
}

TEST_F(EarlyDataTest, IsSaidAgainToAServerThatForgotTheTicket) {
  serve_early(echo());
  bool sent = true;
  answer("first\n", sent);
  server_context = ca.server("vm.localhost");
  EXPECT_EQ(answer("second\n", sent), "you said second\n");
  EXPECT_FALSE(sent);
  EXPECT_EQ(heard, (std::vector<std::string>{"first\n", "second\n"}));
  EXPECT_EQ(accepted, 2);
}

TEST_F(EarlyDataTest, ServerThatTakesNoEarlyDataAnyMoreGetsItLater) {
  serve_early(echo());
  bool sent = true;
  answer("first\n", sent);
  SSL_CTX_set_allow_early_data_cb(
      server_context.get(), [](SSL*, void*) { return 0; }, nullptr);
  EXPECT_EQ(answer("second\n", sent), "you said second\n");
  EXPECT_FALSE(sent);
  EXPECT_EQ(heard.size(), 2U);
}

TEST_F(EarlyDataTest, ServerThatCannotHaveItIsDialledAgainWithout) {
  serve_early(echo());
  bool sent = true;
  answer("first\n", sent);
  SSL_CTX_set_max_proto_version(server_context.get(), TLS1_2_VERSION);
  EXPECT_EQ(answer("second\n", sent), "you said second\n");
  EXPECT_FALSE(sent);
  EXPECT_EQ(accepted, 3);
}

TEST_F(EarlyDataTest, Tls12TicketsAreResumedWithoutEarlyData) {
  auto context = ca.server("vm.localhost");
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  serve_early(std::move(context), echo());
  bool sent = true;
  EXPECT_EQ(answer("first\n", sent), "you said first\n");
  EXPECT_EQ(store->size(), 1U);
  EXPECT_EQ(answer("second\n", sent), "you said second\n");
  EXPECT_FALSE(sent);
}

TEST_F(EarlyDataTest, LineThatIsTooLongForItGoesLater) {
  serve_early(echo());
  bool sent = true;
  answer("first\n", sent);
  const auto line = std::string(kMaxEarlyData, 'x') + "\n";
  EXPECT_EQ(answer(line, sent), "you said " + line);
  EXPECT_FALSE(sent);
}

TEST_F(EarlyDataTest, BrokenSessionIsIgnored) {
  serve_early(echo());
  bool sent = true;
  answer("first\n", sent);
  auto& kept = store->sessions.begin()->second;
  kept.clear();
  kept.push_back(Secret("no session at all"));
  EXPECT_EQ(answer("second\n", sent), "you said second\n");
  EXPECT_FALSE(sent);
}

TEST_F(EarlyDataTest, SessionIsTiedToHostAndTrust) {
  const auto here = url();
  auto elsewhere = here;
  elsewhere.port = 1;
  const auto key = session_key(here, options.ca_file, Alpn::http1);
  EXPECT_EQ(key, session_key(here, options.ca_file, Alpn::http1));
  EXPECT_NE(key, session_key(elsewhere, options.ca_file, Alpn::http1));
  EXPECT_NE(key, session_key(here, "", Alpn::http1));
  EXPECT_NE(key, session_key(here, options.ca_file, Alpn::http2_or_http1));
  const testing::ThrowawayCa other;
  EXPECT_NE(key, session_key(here, other.ca_file(), Alpn::http1));
  std::filesystem::resize_file(options.ca_file, 1);
  EXPECT_NE(key, session_key(here, options.ca_file, Alpn::http1));
}

/// The session as it would be if it had been made at `time`.
Secret made_at(const Secret& session, std::time_t time) {
  const auto der = session.reveal();
  const auto* in = reinterpret_cast<const unsigned char*>(der.data());
  const SessionPtr parsed(d2i_SSL_SESSION(nullptr, &in, static_cast<long>(der.size())));
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
  SSL_SESSION_set_time_ex(parsed.get(), time);
#else
  SSL_SESSION_set_time(parsed.get(), static_cast<long>(time));
#endif
  std::string out(static_cast<std::size_t>(i2d_SSL_SESSION(parsed.get(), nullptr)), '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  i2d_SSL_SESSION(parsed.get(), &to);
  return Secret(std::move(out));
}

TEST_F(EarlyDataTest, SessionIsOfferedInItsTimeAlone) {
  serve_early(echo());
  bool sent = true;
  answer("first\n", sent);
  const auto key = store->sessions.begin()->first;
  const auto session = store->take(key);
  ASSERT_TRUE(session);
  const auto host = transport::host_of("vm.localhost");
  const std::time_t now = std::time(nullptr);
  const auto offered = [&](std::time_t time) {
    store->put(key, made_at(*session, time));
    return take_session(*store, key, host) != nullptr;
  };
  const auto* in = reinterpret_cast<const unsigned char*>(session->reveal().data());
  const SessionPtr parsed(d2i_SSL_SESSION(nullptr, &in, static_cast<long>(session->reveal().size())));
  const auto lifetime = static_cast<std::time_t>(SSL_SESSION_get_ticket_lifetime_hint(parsed.get()));
  ASSERT_GT(lifetime, 120);
  EXPECT_TRUE(offered(now - lifetime + 60));
  EXPECT_FALSE(offered(now - lifetime));
  EXPECT_FALSE(offered(now + 60)) << "the clock was set back";
}

TEST_F(EarlyDataTest, SessionOfAnotherHostsCertificateIsNotOffered) {
  serve_early(echo());
  bool sent = true;
  answer("first\n", sent);
  const auto key = store->sessions.begin()->first;
  EXPECT_FALSE(take_session(*store, key, transport::host_of("other.localhost")));
  EXPECT_EQ(store->size(), 0U);
}

TEST_F(EarlyDataTest, UnreachableHostCostsNoTicket) {
  serve_early(echo());
  bool sent = true;
  answer("first\n", sent);
  const auto where = url();
  acceptor.close();
  ASSERT_EQ(store->size(), 1U);
  const EarlyData early = [] { return "second\n"; };
  const auto dialled = run(dial_tls(where, options, &early));
  ASSERT_FALSE(*dialled);
  EXPECT_EQ(dialled->error().stage, Stage::tcp);
  EXPECT_EQ(store->size(), 1U);
}

TEST_F(EarlyDataTest, WhatArrivesWhileTheHandshakeIsFinishedStaysToBeRead) {
  serve_early([this](TlsChannel& channel) -> net::awaitable<void> {
    const auto done = co_await channel.establish(timeout, "client");
    EXPECT_TRUE(done && channel.tls().established());
    heard.push_back(co_await read_until(channel, "\n"));
    const std::string said = "you said " + heard.back() + "go\n";
    co_await say(channel, said);
    co_await until_gone(channel);
  });
  bool sent = true;
  answer("first\n", sent);
  EXPECT_EQ(answer("second\n", sent), "you said second\n");
  EXPECT_TRUE(sent);
  EXPECT_EQ(was_early, (std::vector<bool>{false, true}));
}

TEST_F(EarlyDataTest, PeerThatDoesNotFinishTheHandshakeIsCutOff) {
  serve_early(echo());
  bool sent = true;
  answer("first\n", sent);
  timeout = 100ms;
  bool cut = false;
  handler = [&](TlsChannel& channel) -> net::awaitable<void> {
    heard.push_back(co_await read_until(channel, "\n"));
    co_await until_gone(channel);
    cut = !channel.tls().established();
    loop.stop();
  };
  // Only the first flight: a recording has no more.
  const auto here = url();
  const auto context = TlsClientContext::make(options.ca_file);
  const auto session = take_session(*store, session_key(here, options.ca_file, Alpn::http1), here.host);
  ASSERT_TRUE(session);
  auto ssl = (*context)->connection(here.host);
  SSL_set_session(ssl.get(), session.get());
  net::ip::tcp::socket tcp_socket(loop);
  tcp_socket.connect(acceptor.local_endpoint());
  SSL* const raw = ssl.get();
  TlsChannel channel(std::move(tcp_socket), std::move(ssl));
  std::size_t written = 0;
  SSL_write_early_data(raw, "recorded\n", 9, &written);
  channel.flush();
  loop.restart();
  loop.run_for(20s);
  EXPECT_EQ(heard.back(), "recorded\n");
  EXPECT_TRUE(cut);
}

TEST_F(EarlyDataTest, ServerOfHttp2SpeaksBeforeTheHandshakeIsFinished) {
  options.alpn = Alpn::http2_or_http1;
  serve_early([](TlsChannel& channel) -> net::awaitable<void> {
    EXPECT_FALSE(channel.tls().has_early_data());
    co_await say(channel, "hello\n");
    const auto heard_then = co_await read_until(channel, "\n");
    EXPECT_EQ(heard_then, "and to you\n");
    EXPECT_TRUE(channel.tls().established());
    co_await say(channel, "go\n");
    co_await until_gone(channel);
  });
  const auto talk = [this]() -> net::awaitable<std::string> {
    const auto here = url();
    auto channel = co_await dial_tls(here, options);
    if (!channel) co_return channel.error().detail;
    auto text = co_await read_until(**channel, "\n");
    co_await say(**channel, "and to you\n");
    text += co_await read_until(**channel, "go\n");
    co_return text;
  };
  for (int i = 0; i < 2; ++i) EXPECT_EQ(run(talk()), "hello\ngo\n");
  EXPECT_EQ(was_early, (std::vector<bool>{true, true}));
  EXPECT_EQ(store->size(), 1U);  // the ticket came all the same, and the second connection used the first's
}

TEST_F(EarlyDataTest, PeerOfHttp2ThatDoesNotFinishTheHandshakeIsCutOff) {
  timeout = 100ms;
  bool cut = false;
  serve_early([&](TlsChannel& channel) -> net::awaitable<void> {
    co_await until_gone(channel);
    cut = !channel.tls().established();
    loop.stop();
  });
  const auto context = TlsClientContext::make(options.ca_file);
  auto ssl = (*context)->connection(transport::host_of("vm.localhost"), Alpn::http2_or_http1);
  net::ip::tcp::socket tcp_socket(loop);
  tcp_socket.connect(acceptor.local_endpoint());
  SSL* const raw = ssl.get();
  TlsChannel channel(std::move(tcp_socket), std::move(ssl));
  EXPECT_EQ(SSL_do_handshake(raw), -1);
  channel.flush();
  loop.restart();
  loop.run_for(20s);
  EXPECT_EQ(was_early, std::vector<bool>{true});
  EXPECT_TRUE(cut);
}

class EarlyUpgradeTest : public EarlyDataTest {
 protected:
  Opened open() {
    HttpClient client(loop.get_executor(), options);
    const auto where = url();
    const WebSocketRequest request(where);
    return std::move(*run(open_websocket(client, request)));
  }
  static std::string switched(const std::string& request) {
    const std::string name = "Sec-WebSocket-Key: ";
    const auto at = request.find(name) + name.size();
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           websocket_accept(request.substr(at, request.find('\r', at) - at)) + "\r\n\r\n";
  }
  /// 425 to early requests, in these words; 101 to others.
  Serve cautious(std::string words) {
    return [this, words](TlsChannel& channel) -> net::awaitable<void> {
      for (bool more = true; more;) {
        const auto request = co_await read_until(channel, "\r\n\r\n");
        if (request.empty()) co_return;
        const bool early = !channel.tls().established();
        heard.push_back(early ? "early" : "late");
        const std::string said = early ? words : switched(request);
        co_await say(channel, said);
        more = early && words.find("close") == std::string::npos;
      }
      if (channel.tls().established()) co_await until_gone(channel);
    };
  }
};

TEST_F(EarlyUpgradeTest, TooEarlyIsAskedAgainOnTheSameConnection) {
  serve_early(cautious("HTTP/1.1 425 Too Early\r\nContent-Length: 5\r\n\r\nlater"));
  ASSERT_TRUE(open());
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().detail;
  EXPECT_EQ(heard, (std::vector<std::string>{"late", "early", "late"}));
  EXPECT_EQ(accepted, 2);
}

TEST_F(EarlyUpgradeTest, TooEarlyThatEndsTheConnectionIsAskedAgainOnAnother) {
  serve_early(cautious("HTTP/1.1 425 Too Early\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
  ASSERT_TRUE(open());
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().detail;
  EXPECT_EQ(heard, (std::vector<std::string>{"late", "early", "late"}));
  EXPECT_EQ(accepted, 3);
}

TEST_F(EarlyUpgradeTest, TooEarlyForEverEnds) {
  serve_early([this](TlsChannel& channel) -> net::awaitable<void> {
    for (;;) {
      const auto request = co_await read_until(channel, "\r\n\r\n");
      if (request.empty()) co_return;
      heard.push_back(request);
      co_await say(channel, "HTTP/1.1 425 Too Early\r\nContent-Length: 0\r\n\r\n");
    }
  });
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().http_status, 425);
  EXPECT_EQ(heard.size(), 2U);
}

}  // namespace
}  // namespace cfpipe::transport
