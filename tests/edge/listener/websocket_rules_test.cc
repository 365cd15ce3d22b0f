// Frames of a client at the edges of RFC 6455, over TLS to a running edge whose origin sends everything back.
#include <gtest/gtest.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <vector>

#include "edge/fake_site.h"
#include "edge/raw_client.h"
#include "edge/tunnel/origin.h"
#include "support/hosts.h"
#include "support/websocket_cases.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {
using namespace testing::ws;
using net::ip::tcp;

class OneOrigin final : public FakeSite {
 public:
  std::uint16_t port = 0;

  net::awaitable<Answer> handle(const Request&) override { co_return Answer(); }
  std::variant<TunnelGrant, Answer> upgrade(const Request& request) override {
    TunnelGrant grant;
    grant.app_hostname = request.host;
    grant.target = std::make_shared<TcpOrigin>(request.host, transport::host_of("127.0.0.1"), port);
    return grant;
  }
};

OneOrigin& one_origin() {
  static OneOrigin made;
  return made;
}

/// A tunnel of a client that writes its frames itself.
class WebSocketPeer {
 public:
  explicit WebSocketPeer(std::uint16_t port) : client_(port) {
    const bool open =
        client_.handshake("http/1.1") && client_.say(
                                             "GET / HTTP/1.1\r\nHost: vm.localhost\r\nConnection: Upgrade\r\n"
                                             "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
    EXPECT_TRUE(open);
    EXPECT_TRUE(client_.hear_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  }
  bool say(std::string_view bytes) { return client_.say(bytes); }
  /// Waits until so much has come back. False: the end came first.
  bool hear(std::size_t data, std::size_t pongs = 0) {
    while (heard_.data.size() < data || heard_.pongs.size() < pongs) {
      const auto more = client_.hear_some();
      if (more.empty()) return false;
      add(more);
    }
    return true;
  }
  /// All until the end of the connection.
  const Heard& hear_all() {
    for (;;) {
      const auto more = client_.hear_some();
      if (more.empty()) return heard_;
      add(more);
    }
  }
  const Heard& heard() const { return heard_; }

 private:
  void add(std::string_view bytes) {
    rest_ += bytes;
    const auto frames = heard_frames(rest_);
    rest_.erase(0, frames.used);
    heard_.data += frames.data;
    heard_.pongs.insert(heard_.pongs.end(), frames.pongs.begin(), frames.pongs.end());
    if (frames.close != 0) heard_.close = frames.close;
  }
  RawClient client_;
  std::string rest_;
  Heard heard_;
};

class EdgeWebSocketRules : public RawEdgeTest {
 protected:
  EdgeWebSocketRules()
      : RawEdgeTest(one_origin()), origin_(loop_, tcp::endpoint(net::ip::address_v4::loopback(), 0)) {
    one_origin().port = origin_.local_endpoint().port();
    net::co_spawn(loop_, echo_all(), net::detached);
    start();
  }
  ~EdgeWebSocketRules() override { end(); }

  /// The frames in front of the Close have come back before it is sent: behind it nothing has to.
  void expect_peace(const Row& row) {
    WebSocketPeer peer(port());
    std::size_t at = 0, pongs = 0;
    for (; (row.frames[at].first & 0x0f) != kClose; ++at) {
      ASSERT_TRUE(peer.say(wire({row.frames[at]}, true)));
      if ((row.frames[at].first & 0x0f) == kPing) ++pongs;
      ASSERT_TRUE(peer.hear(0, pongs)) << row.name;
    }
    ASSERT_TRUE(peer.hear(row.data.size())) << row.name;
    peer.say(wire(Frames(row.frames.begin() + static_cast<std::ptrdiff_t>(at), row.frames.end()), true));
    const Heard& heard = peer.hear_all();
    EXPECT_EQ(heard.close, row.close) << row.name;
    EXPECT_TRUE(heard.data == row.data) << row.name << ": " << heard.data.size() << " bytes";
    EXPECT_EQ(heard.pongs, row.pongs) << row.name;
  }
  /// What was sent in front of the fault may have come back.
  void expect_fault(const Row& row) {
    WebSocketPeer peer(port());
    peer.say(wire(row.frames, true));
    const Heard& heard = peer.hear_all();
    EXPECT_EQ(heard.close, row.close) << row.name;
    EXPECT_TRUE(row.data.starts_with(heard.data)) << row.name << ": " << heard.data;
    EXPECT_TRUE(heard.pongs.empty()) << row.name;
  }
  void expect_each(const std::vector<Row>& rows) {
    for (const auto& row : rows) {
      if (row.close == kNormal) {
        expect_peace(row);
      } else {
        expect_fault(row);
      }
    }
  }

  /// Bytes in frames of that size, in writes of that size: all of them come back.
  void expect_back(std::size_t bytes, std::size_t fragment, std::size_t step) {
    /// What may be under way in both directions, so that neither side waits for the other.
    constexpr std::size_t kUnderWay = 64 * 1024;
    WebSocketPeer peer(port());
    std::string message(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) message[i] = static_cast<char>(i * 31 >> 3);
    Frames frames;
    for (std::size_t at = 0; at < bytes; at += fragment)
      frames.push_back(
          {(at + fragment >= bytes ? kFin : 0) | (at == 0 ? kBinary : kMore), message.substr(at, fragment)});
    const std::string all = wire(frames, true);
    const std::size_t headers = all.size() - bytes;
    for (std::size_t at = 0; at < all.size(); at += step) {
      ASSERT_TRUE(peer.say(std::string_view(all).substr(at, step)));
      const std::size_t sure = at > headers + kUnderWay ? at - headers - kUnderWay : 0;
      ASSERT_TRUE(peer.hear(sure));
    }
    ASSERT_TRUE(peer.hear(bytes));
    peer.say(wire({kGoodbye}, true));
    EXPECT_EQ(peer.hear_all().close, kNormal);
    EXPECT_TRUE(peer.heard().data == message) << bytes << " in " << fragment << " and " << step;
  }

 private:
  net::awaitable<void> echo_all() {
    for (;;) {
      auto [error, socket] = co_await origin_.async_accept(net::as_tuple(net::use_awaitable));
      if (error) co_return;
      net::co_spawn(loop_, echo(std::move(socket)), net::detached);
    }
  }
  static net::awaitable<void> echo(tcp::socket socket) {
    std::array<char, 16 * 1024> room{};
    for (;;) {
      const auto [error, got] =
          co_await socket.async_read_some(net::buffer(room), net::as_tuple(net::use_awaitable));
      if (error) co_return;
      co_await net::async_write(socket, net::buffer(room.data(), got), net::as_tuple(net::use_awaitable));
    }
  }

  tcp::acceptor origin_;
};

TEST_F(EdgeWebSocketRules, MessagesOfEveryLengthComeBack) {
  expect_each(messages_of_every_length());
}

TEST_F(EdgeWebSocketRules, PingsAreAnsweredWithWhatTheyCarry) {
  expect_each(pings());
}

TEST_F(EdgeWebSocketRules, ReservedBitsAndOpcodesEndTheConnection) {
  expect_each(reserved_bits_and_opcodes());
}

TEST_F(EdgeWebSocketRules, FragmentsMakeOneMessageAndNothingElse) {
  expect_each(fragments());
}

TEST_F(EdgeWebSocketRules, TextIsTakenAsBytes) {
  expect_each(texts());
}

TEST_F(EdgeWebSocketRules, ClosesAreAnsweredAndNothingFollowsThem) {
  auto rows = closes();
  for (const unsigned good : kGoodCodes) rows.push_back({"a good code", {{kFin | kClose, code(good)}}});
  expect_each(rows);
}

TEST_F(EdgeWebSocketRules, AFrameWithoutAMaskEndsTheConnection) {
  WebSocketPeer peer(port());
  peer.say(wire({{kFin | kBinary, "x"}}, false));
  EXPECT_EQ(peer.hear_all().close, transport::kProtocolErrorCode);
  EXPECT_EQ(peer.heard().data, "");
}

constexpr std::size_t kWrite = 16 * 1024;

TEST_F(EdgeWebSocketRules, LargeMessagesComeBack) {
  for (const std::size_t kib : {64U, 256U, 1024U, 4096U, 16'384U})
    expect_back(kib * 1024, kib * 1024, kWrite);
}

TEST_F(EdgeWebSocketRules, LargeMessagesInFragmentsComeBack) {
  constexpr std::size_t kBytes = 4 * 1024 * 1024;
  for (const std::size_t fragment : {64U, 256U, 1'300U, 4'096U, 65'536U, 1'048'576U})
    expect_back(kBytes, fragment, kWrite);
}

TEST_F(EdgeWebSocketRules, MessagesInSmallPiecesComeBack) {
  constexpr std::size_t kBytes = 512 * 1024;
  for (const std::size_t step : {64U, 128U, 509U, 2'048U}) expect_back(kBytes, kBytes, step);
}

TEST_F(EdgeWebSocketRules, ManyMessagesComeBack) {
  constexpr std::size_t kMessages = 1000;
  for (const std::size_t size : {0U, 16U, 256U, 4'096U, 16'384U}) {
    WebSocketPeer peer(port());
    const std::string payload(size, '*');
    for (std::size_t i = 1; i <= kMessages; ++i) {
      ASSERT_TRUE(peer.say(wire({{kFin | kBinary, payload}}, true)));
      ASSERT_TRUE(peer.hear(i * size)) << i;
    }
    peer.say(wire({kGoodbye}, true));
    EXPECT_EQ(peer.hear_all().close, kNormal) << size;
    EXPECT_EQ(peer.heard().data.size(), kMessages * size);
  }
}

}  // namespace
}  // namespace cfpipe::edge
