#include "transport/websocket/client.h"

#include "loopback.h"
#include "transport/websocket/codec.h"
#include "transport/websocket/handshake.h"
#include "transport/websocket/stream.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {
using namespace std::chrono_literals;
using namespace std::string_literals;
using tunnel::End;
using tunnel::IoStatus;
using tunnel::Stream;

using Opened = Result<std::unique_ptr<Stream>>;

std::string accept_of(const std::string& request) {
  const auto at = request.find("Sec-WebSocket-Key: ") + 19;
  return websocket_accept(request.substr(at, request.find('\r', at) - at));
}

const std::string kUpgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";

/// An answer that accepts the request's key.
std::string switching(const std::string& request, const std::string& fields,
                      const std::string& line = "HTTP/1.1 101 Switching Protocols\r\n") {
  return line + fields + "Sec-WebSocket-Accept: " + accept_of(request) + "\r\n\r\n";
}

class WebSocketClientTest : public testing::LoopbackTest {
 protected:
  Opened open() {
    HttpClient client(loop.get_executor(), options);
    const WebSocketRequest request(url());
    return std::move(*run(open_websocket(client, request)));
  }
  /// Grants the upgrade, says `wire` right behind it, collects what the client says until it ends.
  void grant(std::string wire, bool half_close = false, bool then_close = false) {
    auto handle = [this, wire, half_close, then_close](Channel& channel) -> net::awaitable<void> {
      const auto request = co_await read_until(channel, "\r\n\r\n");
      const std::string more = half_close ? std::string(kHalfCloseHeader) + ": 1\r\n" : "";
      const std::string head = switching(request, kUpgrade + more) + wire;
      co_await say(channel, head);
      if (then_close) co_return;
      heard = co_await read_until(channel, "\xff never \xff");
    };
    serve(handle);
  }
  /// Reads one fill's payload, waiting as needed; the status that ended it is left in `status`.
  std::string read(Stream& stream) {
    for (;;) {
      status = stream.fill();
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
  static Stream::Took put(Stream& stream, const std::string& text) {
    std::vector<std::byte> room(tunnel::kHeadroom + text.size());
    std::copy_n(std::as_bytes(std::span(text)).begin(), text.size(), room.begin() + tunnel::kHeadroom);
    std::array<tunnel::Slice, 1> slices = {tunnel::Slice(room).subspan(tunnel::kHeadroom)};
    return stream.take(slices);
  }
  /// Closes our side and decodes all that the server heard.
  std::string server_heard(Opened& opened, WsDecoder::Events& events) {
    (*opened)->close();
    loop.restart();
    loop.run_for(200ms);
    WsDecoder decoder(WsRole::server);
    std::vector<tunnel::Slice> payload;
    EXPECT_TRUE(decoder.feed(std::as_writable_bytes(std::span(heard)), payload, events)) << decoder.why();
    std::string out;
    for (const auto& slice : payload) out.append(reinterpret_cast<const char*>(slice.data()), slice.size());
    return out;
  }
  std::string heard;
  IoStatus status = IoStatus::ok;
};

TEST_F(WebSocketClientTest, NamesEachRefusal) {
  struct Row {
    std::string answer;
    Cause cause;
    int http;
    const char* location;
  };
  const std::string ray = "Cf-Ray: 8a1b-AMS\r\nContent-Length: 0\r\n\r\n";
  const auto plain = [&](int code) { return "HTTP/1.1 " + std::to_string(code) + " Words\r\n" + ray; };
  const auto moved = [&](int code, const std::string& to) {
    return "HTTP/1.1 " + std::to_string(code) + " Words\r\nLocation: " + to + "\r\n" + ray;
  };
  const std::vector<Row> rows = {
      {plain(200), Cause::not_a_websocket, 200, ""},
      {plain(401), Cause::denied, 401, ""},
      {plain(403), Cause::denied, 403, ""},
      {plain(404), Cause::unexpected_status, 404, ""},
      {plain(429), Cause::too_many_requests, 429, ""},
      {plain(500), Cause::edge_unavailable, 500, ""},
      {plain(501), Cause::unexpected_status, 501, ""},
      {plain(502), Cause::origin_down, 502, ""},
      {plain(503), Cause::origin_down, 503, ""},
      {plain(504), Cause::origin_down, 504, ""},
      {plain(530), Cause::origin_down, 530, ""},
      {moved(302, "https://team.example/cdn-cgi/access/login/vm?kid=1"), Cause::token_rejected, 302,
       "team.example"},
      {moved(302, "https://elsewhere.example/"), Cause::upgrade_redirected, 302, "elsewhere.example"},
      {moved(301, "http://vm.localhost/"), Cause::upgrade_redirected, 301, ""},
      {moved(307, "https://u@evil.example/cdn-cgi/access/login"), Cause::upgrade_redirected, 307, ""},
      {plain(302), Cause::upgrade_redirected, 302, ""},
      {"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
       Cause::bad_accept, 101, ""},
      {"HTTP/1.1 101 Switching Protocols\r\n\r\n", Cause::bad_accept, 101, ""},
      {"SSH-2.0-x\r\n", Cause::http_malformed, 0, ""},
      {"", Cause::closed_early, 0, ""},
      {"HTTP/1.1 2", Cause::closed_early, 0, ""},
  };
  std::size_t row = 0;
  serve([&](Channel& channel) -> net::awaitable<void> {
    co_await read_until(channel, "\r\n\r\n");
    co_await say(channel, rows[row].answer);
    channel.close_notify();
  });
  for (; row < rows.size(); ++row) {
    const auto opened = open();
    ASSERT_FALSE(opened) << row;
    const auto& failure = opened.error();
    EXPECT_EQ(failure.stage, Stage::upgrade) << row;
    EXPECT_EQ(failure.cause, rows[row].cause) << row;
    EXPECT_EQ(failure.http_status, rows[row].http) << row;
    EXPECT_EQ(failure.location_host, rows[row].location) << row;
    EXPECT_EQ(failure.ray, failure.http_status > 101 ? "8a1b-AMS" : "") << row;
    EXPECT_TRUE(failure.detail.starts_with(url().authority())) << row;
  }
}

TEST_F(WebSocketClientTest, SkipsInterimAnswers) {
  std::string before;
  serve([&](Channel& channel) -> net::awaitable<void> {
    const auto request = co_await read_until(channel, "\r\n\r\n");
    const std::string answer = before + switching(request, kUpgrade);
    co_await say(channel, answer);
    co_await until_gone(channel);
  });
  const std::string early = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";
  for (const auto& interim :
       {"HTTP/1.1 100 Continue\r\n\r\n"s, "HTTP/1.1 102 Processing\r\n\r\n"s, early,
        "HTTP/1.1 199 Of its own\r\nContent-Length: 9\r\n\r\n"s, early + early + early}) {
    before = interim;
    EXPECT_TRUE(open()) << interim;
  }
  before.clear();
  for (int i = 0; i < kMaxInterimAnswers; ++i) before += early;
  EXPECT_TRUE(open());
  before += early;
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().cause, Cause::http_malformed);
}

// RFC 6455 4.1.
TEST_F(WebSocketClientTest, ChecksAllOfA101) {
  struct Row {
    std::string line;
    std::string fields;
    const char* why;  // null: that is one
  };
  const std::string line = "HTTP/1.1 101 Switching Protocols\r\n";
  const std::vector<Row> rows = {
      {line, kUpgrade, nullptr},
      {line, "upgrade: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n", nullptr},
      {"HTTP/1.0 101 Switching Protocols\r\n", kUpgrade, "a switch over HTTP/1.0"},
      {line, "Connection: Upgrade\r\n", "no Upgrade: websocket"},
      {line, "Connection: Upgrade\r\nUpgrade: h2c\r\n", "no Upgrade: websocket"},
      {line, "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n", "no Upgrade: websocket"},
      {line, "Upgrade: websocket\r\n", "no Connection: Upgrade"},
      {line, "Upgrade: websocket\r\nConnection: close\r\n", "no Connection: Upgrade"},
      {line, kUpgrade + "Sec-WebSocket-Accept: x\r\n", "a wrong Sec-WebSocket-Accept"},
      {line, kUpgrade + "Sec-WebSocket-Extensions: permessage-deflate\r\n",
       "an extension that was not asked for"},
      {line, kUpgrade + "Sec-WebSocket-Protocol: chat\r\n", "a subprotocol that was not asked for"},
  };
  std::size_t row = 0;
  serve([&](Channel& channel) -> net::awaitable<void> {
    const auto request = co_await read_until(channel, "\r\n\r\n");
    const std::string answer = switching(request, rows[row].fields, rows[row].line);
    co_await say(channel, answer);
    co_await until_gone(channel);
  });
  for (; row < rows.size(); ++row) {
    const auto opened = open();
    EXPECT_EQ(opened.has_value(), rows[row].why == nullptr) << row;
    if (opened) continue;
    EXPECT_EQ(opened.error().cause, Cause::bad_accept) << row;
    EXPECT_EQ(opened.error().http_status, 101) << row;
    EXPECT_TRUE(rows[row].why != nullptr && opened.error().detail.ends_with(rows[row].why))
        << opened.error().detail;
  }
}

TEST_F(WebSocketClientTest, ShowsTheEdgesReason) {
  std::string reason;
  serve([&](Channel& channel) -> net::awaitable<void> {
    co_await read_until(channel, "\r\n\r\n");
    const std::string answer =
        "HTTP/1.1 403 Forbidden\r\nCfpipe-Reason: " + reason + "\r\nContent-Length: 0\r\n\r\n";
    co_await say(channel, answer);
    channel.close_notify();
  });
  reason = "policy 'x' denies group y";
  EXPECT_EQ(open().error().detail, "policy 'x' denies group y");
  reason = "\t\xc3\xa9\x9b[31mred" + std::string(5000, 'x');
  const std::string detail = open().error().detail;
  EXPECT_TRUE(detail.starts_with("???[31mredxxx")) << detail;
  EXPECT_LE(detail.size(), 203U);
}

TEST_F(WebSocketClientTest, ReadsFramesThatCameRightBehindTheAnswer) {
  grant(
      "\x82\x05"
      "early"
      "\x82\x01"
      "!");
  auto opened = open();
  ASSERT_TRUE(opened);
  EXPECT_EQ(read(**opened), "early!");
  EXPECT_FALSE((*opened)->half_closes());
  EXPECT_FALSE((*opened)->open_after_eof());
}

TEST_F(WebSocketClientTest, KnowsThatHalfCloseWasAgreedOn) {
  grant("", true);
  auto opened = open();
  ASSERT_TRUE(opened);
  EXPECT_TRUE((*opened)->half_closes());
}

TEST_F(WebSocketClientTest, MasksWhatItSendsAndEndsWithAClose) {
  grant("");
  auto opened = open();
  ASSERT_TRUE(opened);
  const std::string text(200'000, 'm');
  EXPECT_EQ(put(**opened, "first").status, IoStatus::ok);
  EXPECT_EQ(put(**opened, text).status, IoStatus::ok);
  EXPECT_EQ((*opened)->finish(), IoStatus::ok);
  EXPECT_EQ(put(**opened, "late").status, IoStatus::failed);
  WsDecoder::Events events;
  EXPECT_EQ(server_heard(opened, events), "first" + text);
  EXPECT_TRUE(events.close);
  EXPECT_EQ(events.close_code, 1000);
}

TEST_F(WebSocketClientTest, AnswersPings) {
  grant(
      "\x89\x04"
      "ping"
      "\x82\x01x");
  auto opened = open();
  ASSERT_TRUE(opened);
  EXPECT_EQ(read(**opened), "x");
  WsDecoder::Events events;
  server_heard(opened, events);
  EXPECT_TRUE(events.pong);
}

TEST_F(WebSocketClientTest, TakesCloseCodesAsCleanOrCut) {
  struct Row {
    std::string close;
    End end;
    const char* detail;
    int answer = 1002;  // of a violation
    unsigned told = 0;
  };
  const std::vector<Row> rows = {
      {"\x88\x00"s, End::clean, ""},
      {"\x88\x02\x03\xe8"s, End::clean, ""},
      {"\x88\x02\x03\xe9"s, End::cut, "the peer closed with code 1001", 0, 1001},
      {"\x88\x06\x03\xf3"
       "oops"s,
       End::cut, "the peer closed with code 1011 (oops)", 0, 1011},
      {"\x88\x03\x03\xf3\x07"s, End::cut, "the peer closed with code 1011 (?)", 0, 1011},
      {"\x88\x03\x03\xe8\xff"s, End::protocol, "a Close frame whose reason is not UTF-8", 1007},
      {"\x88\x01\x03"s, End::protocol, "a Close frame of one byte"},
      {"\xc2\x00"s, End::protocol, "a reserved bit is set"},
  };
  for (const auto& row : rows) {
    acceptor = net::ip::tcp::acceptor(loop, {net::ip::address_v4::loopback(), 0});
    grant("\x82\x04tail" + row.close);
    auto opened = open();
    ASSERT_TRUE(opened);
    EXPECT_EQ(read(**opened), "tail") << "what came before the end";
    EXPECT_EQ(read(**opened), "");
    EXPECT_EQ(status, row.end == End::clean ? IoStatus::eof : IoStatus::failed);
    EXPECT_EQ((*opened)->end(), row.end);
    EXPECT_EQ((*opened)->end_detail(), row.detail);
    EXPECT_EQ((*opened)->peer_close_code(), row.told);
    EXPECT_EQ((*opened)->finish(), IoStatus::ok);
    WsDecoder::Events events;
    server_heard(opened, events);
    EXPECT_TRUE(events.close);
    EXPECT_EQ(events.close_code, row.end == End::protocol ? row.answer : 1000);
  }
}

TEST_F(WebSocketClientTest, ReadsTheTailOfAPeerThatTakesNoMore) {
  const std::string tail(60'000, 't');
  grant("\x82\x7e\xea\x60"s + tail, false, true);
  auto opened = open();
  ASSERT_TRUE(opened);
  std::string got = read(**opened);
  // Until the peer's system resets the connection.
  for (int i = 0; i < 10'000; ++i) {
    if (put(**opened, "x").status == IoStatus::failed || (*opened)->flush() == IoStatus::failed) break;
    loop.restart();
    loop.run_for(1ms);
  }
  EXPECT_EQ((*opened)->end(), End::cut);
  while (got.size() < tail.size()) {
    const auto more = read(**opened);
    if (more.empty()) break;
    got += more;
  }
  EXPECT_EQ(got.size(), tail.size());
  EXPECT_EQ((*opened)->finish(), IoStatus::failed) << "nothing waits for a peer that has gone";
}

TEST_F(WebSocketClientTest, CallbacksAreDroppedByClose) {
  grant("\x82\x01x");
  auto opened = open();
  ASSERT_TRUE(opened);
  int calls = 0;
  (*opened)->on_readable([&] { ++calls; });
  (*opened)->on_writable([&] { ++calls; });
  (*opened)->close();
  loop.restart();
  loop.run_for(20ms);
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace cfpipe::transport
