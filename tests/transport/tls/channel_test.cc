#include "transport/tls/channel.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>

#include "loopback.h"
#include "transport/dial/dialer.h"
#include "transport/net/keepalive.h"
#include "tunnel/held_bytes.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {
using tunnel::IoStatus;
using namespace std::chrono_literals;

using Dialled = Result<std::unique_ptr<TlsChannel>>;

class TlsChannelTest : public testing::LoopbackTest {
 protected:
  Dialled dial() {
    const auto where = url();
    return std::move(*run(dial_tls(where, options)));
  }
};

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 31 + i / 253);
  return out;
}

TEST_F(TlsChannelTest, ShakesHandsWithATrustedServer) {
  serve([](TlsChannel& channel) { return until_gone(channel); });
  const auto channel = dial();
  ASSERT_TRUE(channel) << channel.error().detail;
}

TEST_F(TlsChannelTest, NamesAnUnknownIssuer) {
  const testing::ThrowawayCa other;
  serve(other.server("vm.localhost"), [](TlsChannel& channel) { return until_gone(channel); });
  const auto channel = dial();
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().stage, Stage::tls);
  EXPECT_EQ(channel.error().cause, Cause::tls_unknown_issuer);
  EXPECT_NE(channel.error().detail.find(", issuer CN=Throwaway CA"), std::string::npos)
      << channel.error().detail;
}

TEST_F(TlsChannelTest, ANameInTheSubjectAloneIsNotBelieved) {
  for (const char* alt : {"", "email:root@vm.localhost", "IP:127.0.0.1", "DNS:other.localhost"}) {
    serve(ca.server_with("vm.localhost", alt, 3600), [](TlsChannel& channel) { return until_gone(channel); });
    const auto channel = dial();
    ASSERT_FALSE(channel) << alt;
    EXPECT_EQ(channel.error().cause, Cause::tls_name_mismatch) << alt;
  }
}

TEST_F(TlsChannelTest, AnIssuersNameIsMadeFitForOneLine) {
  const testing::ThrowawayCa other("Corp\x1b[31m Proxy\nCA \u2603");
  serve(other.server("vm.localhost"), [](TlsChannel& channel) { return until_gone(channel); });
  const auto channel = dial();
  ASSERT_FALSE(channel);
  const auto& detail = channel.error().detail;
  EXPECT_NE(detail.find("issuer CN="), std::string::npos) << detail;
  EXPECT_NE(detail.find("[31m Proxy"), std::string::npos) << detail;
  EXPECT_EQ(detail, printable(detail, 1000));
}

TEST_F(TlsChannelTest, NamesACertificateForAnotherHost) {
  serve(ca.server("other.localhost"), [](TlsChannel& channel) { return until_gone(channel); });
  const auto channel = dial();
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().cause, Cause::tls_name_mismatch);
}

TEST_F(TlsChannelTest, NamesAnExpiredCertificate) {
  serve(ca.server("vm.localhost", -60), [](TlsChannel& channel) { return until_gone(channel); });
  const auto channel = dial();
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().cause, Cause::tls_expired);
}

net::awaitable<void> accept_and_close(net::ip::tcp::acceptor& acceptor) {
  auto [error, socket] = co_await acceptor.async_accept(net::as_tuple(net::use_awaitable));
}

TEST_F(TlsChannelTest, NamesAPeerThatClosesInTheHandshake) {
  net::co_spawn(loop, accept_and_close(acceptor), net::detached);
  const auto channel = dial();
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().stage, Stage::tls);
  EXPECT_EQ(channel.error().cause, Cause::closed_early);
}

int choose(SSL*, const unsigned char** out, unsigned char* size, const unsigned char*, unsigned, void* what) {
  const auto* text = static_cast<const std::string*>(what);
  *out = reinterpret_cast<const unsigned char*>(text->data());
  *size = static_cast<unsigned char>(text->size());
  return SSL_TLSEXT_ERR_OK;
}

// RFC 7301 3.2.
TEST_F(TlsChannelTest, RefusesAProtocolThatItDidNotOffer) {
  for (std::string chosen : {"h2", "spdy/1"}) {
    auto context = ca.server("vm.localhost");
    SSL_CTX_set_alpn_select_cb(context.get(), choose, &chosen);
    acceptor = net::ip::tcp::acceptor(loop, {net::ip::address_v4::loopback(), 0});
    serve(std::move(context), [](TlsChannel& channel) { return until_gone(channel); });
    const auto channel = dial();
    ASSERT_FALSE(channel);
    EXPECT_EQ(channel.error().stage, Stage::tls);
  }
}

// The same section, for a server.
TEST_F(TlsChannelTest, AServerRefusesProtocolsThatItDoesNotSpeak) {
  serve([](TlsChannel& channel) { return until_gone(channel); });
  struct Row {
    std::string offered;
    const char* chosen;  // null: refused
  };
  for (const auto& [offered, chosen] :
       {Row{"", ""}, Row{"\x02h2", "h2"}, Row{"\x08http/1.1", "http/1.1"},
        Row{"\x06spdy/1\x08http/1.1", "http/1.1"}, Row{"\x06spdy/1", nullptr}, Row{"\x08http/1.0", nullptr},
        Row{"\x03h2c", nullptr}, Row{"\x02H2", nullptr}}) {
    const SslCtx context(SSL_CTX_new(TLS_client_method()));
    SslPtr ssl(SSL_new(context.get()));
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(offered.data()),
                        static_cast<unsigned>(offered.size()));
    SSL_set_connect_state(ssl.get());
    net::ip::tcp::socket socket(loop);
    socket.connect(acceptor.local_endpoint());
    TlsChannel channel(std::move(socket), std::move(ssl));
    const auto shaken = *run(channel.handshake(10s, "server"));
    EXPECT_EQ(shaken.has_value(), chosen != nullptr) << offered;
    if (shaken) {
      EXPECT_EQ(channel.tls().alpn(), chosen == nullptr ? "" : chosen) << offered;
    } else {
      EXPECT_NE(shaken.error().detail.find("no application protocol"), std::string::npos)
          << shaken.error().detail;
    }
  }
}

TEST_F(TlsChannelTest, GivesUpOnASilentPeerAtTheDeadline) {
  options.tls_deadline = 30ms;  // the listener's backlog connects, and no server answers
  const auto channel = dial();
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().stage, Stage::tls);
  EXPECT_EQ(channel.error().cause, Cause::timed_out);
}

TEST_F(TlsChannelTest, RefusesACaFileThatHoldsNone) {
  options.ca_file = "/dev/null";
  const auto channel = dial();
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().cause, Cause::bad_option);
}

net::awaitable<void> echo(TlsChannel& channel) {
  std::vector<std::byte> room(50'000);
  const auto soon = std::chrono::steady_clock::now() + 20s;
  for (;;) {
    std::size_t got = 0;
    const auto status = channel.read(room, got);
    if (status == IoStatus::would_block) {
      if (!co_await channel.readable(soon)) co_return;
      continue;
    }
    if (status != IoStatus::ok) break;
    const std::string text(reinterpret_cast<const char*>(room.data()), got);
    if (!co_await write_all(channel, text, soon)) co_return;
  }
  channel.close_notify();
}

// As small as the loopback's segments of 64 KiB stand without crawling.
void small_buffers(TlsChannel& channel) {
  channel.socket().set_option(net::socket_base::send_buffer_size(32 * 1024));
  channel.socket().set_option(net::socket_base::receive_buffer_size(64 * 1024));
}

TEST_F(TlsChannelTest, CarriesBulkBothWaysThroughSmallSocketBuffers) {
  serve([](TlsChannel& channel) {
    small_buffers(channel);
    return echo(channel);
  });
  auto channel = dial();
  ASSERT_TRUE(channel);
  small_buffers(**channel);
  const std::string sent = pattern(3'000'000);
  net::co_spawn(
      loop, [](TlsChannel& to, const std::string& text) { return say(to, text); }(**channel, sent),
      net::detached);
  const auto back = run([](TlsChannel& from, std::size_t size) -> net::awaitable<std::string> {
    std::string got;
    std::vector<std::byte> room(70'000);
    while (got.size() < size) {
      std::size_t bytes = 0;
      const auto status = from.read(room, bytes);
      got.append(reinterpret_cast<const char*>(room.data()), bytes);
      if (status == IoStatus::would_block && !co_await from.readable(soon())) break;
      if (status == IoStatus::failed || status == IoStatus::eof) break;
    }
    co_return got;
  }(**channel, sent.size()));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->size(), sent.size());
  EXPECT_TRUE(*back == sent);
}

TEST_F(TlsChannelTest, HoldsNoMoreThanItsBoundForAPeerThatDoesNotRead) {
  serve([](TlsChannel& channel) -> net::awaitable<void> {
    net::steady_timer forever(channel.executor(), 25s);
    co_await forever.async_wait(net::as_tuple(net::use_awaitable));
  });
  auto channel = dial();
  ASSERT_TRUE(channel);
  small_buffers(**channel);
  const std::vector<std::byte> block(64 * 1024);
  int taken = 0;
  IoStatus status = IoStatus::ok;
  while (taken < 1000 && (status = (*channel)->write(block)) == IoStatus::ok) ++taken;
  EXPECT_EQ(status, IoStatus::would_block);
  EXPECT_LT(taken, 200);
  EXPECT_TRUE((*channel)->in_flight());
  EXPECT_TRUE((*channel)->backed_up()) << "its system still answers";
  EXPECT_EQ((*channel)->write(std::vector<std::byte>(128 * 1024 + 1)), IoStatus::failed)
      << "over the largest write";
}

int option_of(TlsChannel& channel, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(channel.socket().native_handle(), level, name, &value, &size), 0);
  return value;
}

// docs/TUNNELS.md, "Signs of life".
TEST_F(TlsChannelTest, TheSystemsKeepAliveTakesAsLongAsPings) {
  serve([](TlsChannel& channel) { return until_gone(channel); });
  auto channel = dial();
  ASSERT_TRUE(channel);
  EXPECT_EQ(option_of(**channel, SOL_SOCKET, SO_KEEPALIVE), 1);
  const int idle = option_of(**channel, IPPROTO_TCP, TCP_KEEPIDLE);
  const int every = option_of(**channel, IPPROTO_TCP, TCP_KEEPINTVL);
  const int tries = option_of(**channel, IPPROTO_TCP, TCP_KEEPCNT);
  const WebSocketTimes pings;
  EXPECT_GT(std::chrono::seconds(idle), pings.ping_every) << "it adds nothing to them";
  EXPECT_EQ(idle, 21);
  EXPECT_EQ(every, 7);
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(std::chrono::seconds(idle + tries * every), pings.peer_silent);
}

TEST_F(TlsChannelTest, ADeadlineThatHasPassedWinsOverAReadableSocket) {
  serve([](TlsChannel& channel) -> net::awaitable<void> {
    co_await say(channel, "x");
    co_await until_gone(channel);
  });
  auto channel = dial();
  ASSERT_TRUE(channel);
  ASSERT_TRUE(*run((*channel)->readable(soon())));
  for (const auto late : {0ms, 1ms, 5000ms}) {
    const auto deadline = std::chrono::steady_clock::now() - late;
    EXPECT_FALSE(*run((*channel)->readable(deadline))) << late.count();
    EXPECT_FALSE(*run((*channel)->writable(deadline))) << late.count();
  }
  EXPECT_EQ(*run(read_until(**channel, "x")), "x") << "nothing is lost";
}

// All of a record is decrypted at once, and the socket has nothing more to say of it.
TEST_F(TlsChannelTest, TheRestOfARecordIsReadable) {
  const std::string record = pattern(10'000);
  serve([&record](TlsChannel& channel) -> net::awaitable<void> {
    co_await say(channel, record);
    co_await until_gone(channel);
  });
  auto channel = dial();
  ASSERT_TRUE(channel);
  std::string got;
  std::array<std::byte, 1'000> room{};
  while (got.size() < record.size()) {
    ASSERT_TRUE(*run((*channel)->readable(std::chrono::steady_clock::now() + 2s))) << got.size();
    std::size_t bytes = 0;
    const auto status = (*channel)->read(room, bytes);
    ASSERT_TRUE(status == IoStatus::ok || status == IoStatus::would_block);
    got.append(reinterpret_cast<const char*>(room.data()), bytes);
  }
  EXPECT_TRUE(got == record);
}

// It has read all that came, and did not ask for more: it waits without the memory for it.
TEST_F(TlsChannelTest, AReaderThatWaitsHoldsNoBuffer) {
  for (const bool awaits : {false, true}) {
    for (const std::size_t size : {100u, 700'000u}) {
      acceptor = net::ip::tcp::acceptor(loop, {net::ip::address_v4::loopback(), 0});
      serve([&](TlsChannel& channel) -> net::awaitable<void> {
        const std::string all = pattern(size);
        co_await say(channel, all);
        co_await until_gone(channel);
      });
      auto channel = dial();
      ASSERT_TRUE(channel);
      std::string got;
      std::vector<std::byte> room(64 * 1024);
      while (got.size() < size) {
        ASSERT_TRUE(*run((*channel)->readable(std::chrono::steady_clock::now() + 10s))) << got.size();
        std::size_t bytes = 0;
        const auto wanted = std::span(room).first(std::min(room.size(), size - got.size()));
        ASSERT_NE((*channel)->read(wanted, bytes), IoStatus::failed);
        got.append(reinterpret_cast<const char*>(room.data()), bytes);
      }
      EXPECT_TRUE(got == pattern(size));
      const auto before = tunnel::held_bytes();
      if (awaits) {
        EXPECT_FALSE(*run((*channel)->readable(std::chrono::steady_clock::now())));
      } else {
        (*channel)->on_readable([] {});
      }
      EXPECT_LE(tunnel::held_bytes() + 32 * 1024, before) << size;
    }
  }
}

TEST_F(TlsChannelTest, TellsCloseNotifyFromACut) {
  for (const bool polite : {true, false}) {
    handler = [polite](TlsChannel& channel) -> net::awaitable<void> {
      co_await say(channel, "last");
      if (polite) channel.close_notify();
    };
    if (accepted == 0) serve(handler);
    auto channel = dial();
    ASSERT_TRUE(channel);
    EXPECT_EQ(*run(read_until(**channel, "last")), "last");
    std::array<std::byte, 10> room{};
    std::size_t got = 0;
    IoStatus status = IoStatus::would_block;
    while ((status = (*channel)->read(room, got)) == IoStatus::would_block) run((*channel)->readable(soon()));
    EXPECT_EQ(status, polite ? IoStatus::eof : IoStatus::failed);
    EXPECT_EQ((*channel)->read(room, got), status) << "the same end again";
  }
}

TEST_F(TlsChannelTest, IsIdleUntilSomethingUnexpectedArrives) {
  serve([](TlsChannel& channel) -> net::awaitable<void> {
    co_await read_until(channel, "go");
    co_await say(channel, "unexpected");
    co_await until_gone(channel);
  });
  auto channel = dial();
  ASSERT_TRUE(channel);
  EXPECT_TRUE((*channel)->idle());
  EXPECT_TRUE((*channel)->idle()) << "asking changes nothing";
  run([](TlsChannel& to) -> net::awaitable<bool> {
    co_await say(to, "go");
    co_return co_await to.readable(soon());
  }(**channel));
  // The session tickets may have come first.
  for (int tries = 0; tries < 100 && (*channel)->idle(); ++tries) run((*channel)->readable(soon()));
  EXPECT_FALSE((*channel)->idle());
  EXPECT_EQ(*run(read_until(**channel, "unexpected")), "unexpected");
}

TEST_F(TlsChannelTest, DoesNotTakeAnotherUsersErrorForItsOwn) {
  serve([](TlsChannel& channel) { return until_gone(channel); });
  auto channel = dial();
  ASSERT_TRUE(channel);
  ERR_raise(ERR_LIB_PEM, PEM_R_BAD_PASSWORD_READ);
  EXPECT_TRUE((*channel)->idle());
  ERR_raise(ERR_LIB_PEM, PEM_R_BAD_PASSWORD_READ);
  std::array<std::byte, 10> room{};
  std::size_t got = 0;
  EXPECT_EQ((*channel)->read(room, got), IoStatus::would_block);
}

TEST_F(TlsChannelTest, DropsCallbacksWhenClosed) {
  serve([](TlsChannel& channel) -> net::awaitable<void> { co_await say(channel, "x"); });
  auto channel = dial();
  ASSERT_TRUE(channel);
  int calls = 0;
  (*channel)->on_readable([&] { ++calls; });
  (*channel)->on_writable([&] { ++calls; });
  (*channel)->close();
  loop.restart();
  loop.poll();
  EXPECT_EQ(calls, 0);
  EXPECT_EQ((*channel)->write({}), IoStatus::ok);
  EXPECT_EQ((*channel)->flush(), IoStatus::failed);
}

}  // namespace
}  // namespace cfpipe::transport
