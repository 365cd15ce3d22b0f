#include "transport/websocket/tunnel_source.h"

#include "loopback.h"
#include "support/h2_frames.h"
#include "transport/http2/connection.h"
#include "transport/websocket/handshake.h"
#include "transport/websocket/stream.h"
#include "tunnel/relay.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {
using namespace std::chrono_literals;
using tunnel::IoStatus;
using tunnel::Stream;

using Opened = Result<std::unique_ptr<Stream>>;
using Connections = std::vector<std::shared_ptr<H2Connection>>;

/// Frames of RFC 9113, as a server might say them.
using testing::frame;
const std::string kPlainSettings = frame(4, 0, 0, "");
const std::string kConnectSettings = frame(4, 0, 0, std::string{0, 8, 0, 0, 0, 1});

class TunnelSourceTest : public testing::LoopbackTest {
 protected:
  TunnelSourceTest() : client(loop.get_executor(), options) {}

  /// Every connection becomes HTTP/2, and every request of it is given to `handle`.
  void serve_h2(std::function<net::awaitable<void>(std::shared_ptr<H2Stream>)> handle) {
    server_context = ca.server("vm.localhost");
    answer = std::move(handle);
    net::co_spawn(loop, accept_h2(), net::detached);
  }
  net::awaitable<void> accept_h2() {
    for (;;) {
      auto [error, socket] = co_await acceptor.async_accept(net::as_tuple(net::use_awaitable));
      if (error) co_return;
      ++accepted;
      SslPtr ssl(SSL_new(server_context.get()));
      SSL_set_accept_state(ssl.get());
      auto channel = std::make_unique<TlsChannel>(std::move(socket), std::move(ssl));
      const auto shaken = co_await channel->handshake(10s, "client");
      EXPECT_TRUE(shaken);
      EXPECT_EQ(channel->tls().alpn(), "h2");
      const auto connection = H2Connection::start(std::move(channel), H2Role::server);
      connection->on_request([this](std::unique_ptr<H2Stream> stream) {
        std::shared_ptr<H2Stream> shared = std::move(stream);
        net::co_spawn(loop, answer(shared), net::detached);
      });
      connections.push_back(connection);
    }
  }
  /// Grants the upgrade and says everything back.
  static net::awaitable<void> echo(std::shared_ptr<H2Stream> stream) {
    const H2Head head = {{":status", "200"}};
    if (!stream->respond(head, false)) co_return;
    std::array<std::byte, 4096> room{};
    for (;;) {
      std::size_t got = 0;
      const auto status = stream->read(room, got);
      if (status == IoStatus::ok) {
        // Masked frames come back as they are; the client's decoder would refuse them, so they are unmasked.
        WsDecoder decoder(WsRole::server);
        std::vector<tunnel::Slice> payload;
        WsDecoder::Events events;
        EXPECT_TRUE(decoder.feed(std::span(room).first(got), payload, events));
        for (const auto& part : payload) {
          std::vector<std::byte> out(16 + part.size());
          std::copy(part.begin(), part.end(), out.begin() + 16);
          const auto size = put_frame_header(out.data() + 16, part.size(), WsOpcode::binary, nullptr);
          EXPECT_EQ(stream->write(std::span(out).subspan(16 - size)), IoStatus::ok);
        }
        stream->flush();
        continue;
      }
      if (status != IoStatus::would_block) co_return;
      const bool more = co_await stream->readable(std::chrono::steady_clock::now() + 10s);
      if (!more) co_return;
    }
  }

  Opened open(TunnelSource& source, const std::string& target = "/") {
    const WebSocketRequest request(url(target));
    return std::move(*run(source.open(request)));
  }
  static void put(Stream& stream, const std::string& text) {
    std::vector<std::byte> room(tunnel::kHeadroom + text.size());
    std::copy_n(std::as_bytes(std::span(text)).begin(), text.size(), room.begin() + tunnel::kHeadroom);
    std::array<tunnel::Slice, 1> slices = {tunnel::Slice(room).subspan(tunnel::kHeadroom)};
    EXPECT_EQ(stream.take(slices).status, IoStatus::ok);
    stream.flush();
  }
  std::string read(Stream& stream) {
    for (;;) {
      const auto status = stream.fill();
      if (status == IoStatus::ok) break;
      if (status != IoStatus::would_block) return {};
      bool ready = false;
      stream.on_readable([&] {
        ready = true;
        loop.stop();
      });
      loop.restart();
      loop.run_for(20s);
      if (!ready) return "nothing came";
    }
    std::string out;
    for (const auto& slice : stream.ready())
      out.append(reinterpret_cast<const char*>(slice.data()), slice.size());
    stream.consume(out.size());
    return out;
  }
  bool echoes(Stream& stream, const std::string& text) {
    put(stream, text);
    return read(stream) == text;
  }

  HttpClient client;
  Connections connections;
  std::function<net::awaitable<void>(std::shared_ptr<H2Stream>)> answer;
};

TEST_F(TunnelSourceTest, OpensAllTunnelsOnOneConnection) {
  serve_h2(&echo);
  TunnelSource source(client, TunnelProtocol::http2);
  std::vector<Opened> all;
  for (int i = 0; i < 20; ++i) all.push_back(open(source));
  for (auto& one : all) {
    ASSERT_TRUE(one);
    EXPECT_TRUE(echoes(**one, "hello"));
  }
  EXPECT_EQ(accepted, 1);
}

TEST_F(TunnelSourceTest, DialsOnceForManyThatAskAtOnce) {
  serve_h2(&echo);
  TunnelSource source(client, TunnelProtocol::http2);
  const WebSocketRequest request(url());
  int open_now = 0;
  for (int i = 0; i < 10; ++i) {
    net::co_spawn(loop, source.open(request), [&](std::exception_ptr, Opened opened) {
      EXPECT_TRUE(opened);
      if (++open_now == 10) loop.stop();
    });
  }
  loop.run_for(20s);
  EXPECT_EQ(open_now, 10);
  EXPECT_EQ(accepted, 1);
}

TEST_F(TunnelSourceTest, ATunnelOutlivesItsSourceAndItsNeighbours) {
  serve_h2(&echo);
  Opened kept = Failure();
  {
    TunnelSource source(client, TunnelProtocol::http2);
    auto other = open(source);
    kept = open(source);
    ASSERT_TRUE(other && kept);
    (*other)->close();
  }
  EXPECT_TRUE(echoes(**kept, "still here"));
}

TEST_F(TunnelSourceTest, UsesTheSameConnectionWhereTheEdgeChoosesHttp1) {
  auto context = ca.server("vm.localhost");
  SSL_CTX_set_alpn_select_cb(context.get(), nullptr, nullptr);
  serve(std::move(context), [](Channel& channel) -> net::awaitable<void> {
    const auto request = co_await read_until(channel, "\r\n\r\n");
    const auto at = request.find("Sec-WebSocket-Key: ") + 19;
    const std::string grant =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
        websocket_accept(request.substr(at, request.find('\r', at) - at)) + "\r\n\r\n\x82\x02ok";
    co_await say(channel, grant);
    co_await until_gone(channel);
  });
  TunnelSource source(client, TunnelProtocol::http2);
  auto first = open(source);
  ASSERT_TRUE(first);
  EXPECT_EQ(read(**first), "ok");
  EXPECT_EQ(accepted, 1);
  auto second = open(source);
  ASSERT_TRUE(second);
  EXPECT_EQ(accepted, 2);
}

TEST_F(TunnelSourceTest, OffersOnlyHttp1WhereThatIsWanted) {
  std::string chosen;
  serve([&](Channel& channel) -> net::awaitable<void> {
    chosen = channel.tls().alpn();
    co_await read_until(channel, "\r\n\r\n");
    co_await say(channel, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  TunnelSource source(client, TunnelProtocol::http1);
  const auto opened = open(source);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().cause, Cause::denied);
  EXPECT_EQ(chosen, "http/1.1");
}

TEST_F(TunnelSourceTest, GoesBackToHttp1ForGoodWithoutExtendedConnect) {
  std::vector<std::string> chosen;
  serve([&](Channel& channel) -> net::awaitable<void> {
    chosen.emplace_back(channel.tls().alpn());
    if (channel.tls().alpn() == "h2") {
      co_await say(channel, kPlainSettings);
      co_await until_gone(channel);
      co_return;
    }
    co_await read_until(channel, "\r\n\r\n");
    co_await say(channel, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  TunnelSource source(client, TunnelProtocol::http2);
  for (int i = 0; i < 2; ++i) {
    const auto opened = open(source);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().cause, Cause::denied);
  }
  EXPECT_EQ(chosen, (std::vector<std::string>{"h2", "http/1.1", "http/1.1"}));
}

TEST_F(TunnelSourceTest, NamesRefusalsAsOverHttp1) {
  struct Row {
    const char* status;
    const char* location;
    Cause cause;
  };
  const std::vector<Row> rows = {
      {"403", "", Cause::denied},
      {"502", "", Cause::origin_down},
      {"429", "", Cause::too_many_requests},
      {"302", "https://team.example/cdn-cgi/access/login/vm", Cause::token_rejected},
      {"302", "https://elsewhere.example/", Cause::upgrade_redirected},
      {"500", "", Cause::edge_unavailable},
      {"501", "", Cause::unexpected_status},
  };
  std::size_t row = 0;
  serve_h2([&](std::shared_ptr<H2Stream> stream) -> net::awaitable<void> {
    EXPECT_EQ(stream->field(":protocol"), "websocket");
    EXPECT_EQ(stream->field("sec-websocket-version"), "13");
    const H2Head head = {{":status", rows[row].status}, {"location", rows[row].location}, {"cf-ray", "8a1b"}};
    stream->respond(head, true);
    co_return;
  });
  TunnelSource source(client, TunnelProtocol::http2);
  for (; row < rows.size(); ++row) {
    const auto opened = open(source);
    ASSERT_FALSE(opened) << row;
    EXPECT_EQ(opened.error().stage, Stage::upgrade) << row;
    EXPECT_EQ(opened.error().cause, rows[row].cause) << row;
    EXPECT_EQ(opened.error().ray, "8a1b") << row;
  }
  EXPECT_EQ(accepted, 1);
}

// RFC 6455 4.1, of RFC 8441 5.
TEST_F(TunnelSourceTest, RefusesWhatItDidNotAskFor) {
  const std::vector<const char*> names = {"sec-websocket-extensions", "sec-websocket-protocol"};
  std::size_t at = 0;
  serve_h2([&](std::shared_ptr<H2Stream> stream) -> net::awaitable<void> {
    const H2Head head = {{":status", "200"}, {names[at], "permessage-deflate"}};
    stream->respond(head, false);
    co_return;
  });
  TunnelSource source(client, TunnelProtocol::http2);
  for (; at < names.size(); ++at) {
    const auto opened = open(source);
    ASSERT_FALSE(opened) << names[at];
    EXPECT_EQ(opened.error().cause, Cause::bad_accept);
  }
}

TEST_F(TunnelSourceTest, ANewConnectionFollowsAGoAwayAndOpenTunnelsGoOn) {
  serve_h2(&echo);
  TunnelSource source(client, TunnelProtocol::http2);
  auto first = open(source);
  ASSERT_TRUE(first);
  connections.front()->drain();
  loop.restart();
  loop.run_for(50ms);
  auto second = open(source);
  ASSERT_TRUE(second);
  EXPECT_EQ(accepted, 2);
  EXPECT_TRUE(echoes(**first, "old"));
  EXPECT_TRUE(echoes(**second, "new"));
}

TEST_F(TunnelSourceTest, TriesARefusedStreamOnAnotherConnection) {
  int turn = 0;
  const std::string request = {1, 4, 0, 0, 0, 1};  // type, flags and stream of the HEADERS frame
  const std::string refusal = frame(3, 0, 1, std::string{0, 0, 0, 7});
  const std::string grant = frame(1, 4, 1, "\x88");  // `:status 200`, from the static table
  serve([&](Channel& channel) -> net::awaitable<void> {
    ++turn;
    co_await say(channel, kConnectSettings);
    co_await read_until(channel, request);
    co_await say(channel, turn == 1 ? refusal : grant);
    co_await until_gone(channel);
  });
  TunnelSource source(client, TunnelProtocol::http2);
  const auto opened = open(source);
  EXPECT_TRUE(opened);
  EXPECT_EQ(accepted, 2);
}

TEST_F(TunnelSourceTest, OpensFurtherConnectionsBeyondTheLimitOfStreams) {
  serve_h2(&echo);
  TunnelSource source(client, TunnelProtocol::http2);
  std::vector<Opened> all;
  for (std::uint32_t i = 0; i < kH2MaxStreams + 5; ++i) {
    all.push_back(open(source));
    ASSERT_TRUE(all.back()) << i;
  }
  EXPECT_EQ(accepted, 2);
}

TEST_F(TunnelSourceTest, ALostConnectionCutsItsTunnels) {
  serve_h2(&echo);
  TunnelSource source(client, TunnelProtocol::http2);
  auto opened = open(source);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(echoes(**opened, "x"));
  connections.front()->close();
  EXPECT_EQ(read(**opened), "");
  EXPECT_EQ((*opened)->end(), tunnel::End::cut);
}

}  // namespace
}  // namespace cfpipe::transport
