// Clients that take their time: each part of a connection has its own, however slowly it moves on. And
// connections that are too many for their address.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <optional>
#include <string>
#include <thread>

#include "edge/fake_site.h"
#include "edge/raw_client.h"
#include "support/h2_frames.h"
#include "transport/http/message_io.h"
#include "tunnel/held_bytes.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kTimeout = 400ms;
/// More than the system takes of an answer without its reader.
constexpr std::size_t kLargeAnswer = 64 * 1024 * 1024;

/// Two of them are more than may wait on one connection.
constexpr std::size_t kPartOfWhatMayWait = kMaxAnswersHeld / 2 + 1;

/// As large as any that the edge has.
const std::string& constant_file() {
  static const std::string made(460'000, 'f');
  return made;
}

class Pages final : public FakeSite {
 public:
  std::atomic<std::size_t> handled{0};
  net::awaitable<Answer> handle(const Request& request) override {
    Answer answer;
    answer.body = request.path == "/large" ? std::string(kLargeAnswer, 'x') : "page";
    if (request.path == "/file") answer.file = constant_file();
    if (request.path == "/part") answer.body = std::string(kPartOfWhatMayWait, 'x');
    ++handled;
    co_return answer;
  }
  bool reads_body(const Request& request) const override { return request.path != "/deaf"; }
};

class SlowClients : public RawEdgeTest {
 protected:
  SlowClients() : RawEdgeTest(pages()) {}

  /// What can only be looked at, not waited for.
  template <class Condition>
  static bool until(Condition condition) {
    for (const auto until = Clock::now() + kRawDeadline; Clock::now() < until;) {
      if (condition()) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }
  bool until_connections_are(std::size_t count) const {
    return until([&] {
      const auto loads = server_->loads();
      return std::accumulate(loads.begin(), loads.end(), std::size_t{0}) == count;
    });
  }

  static Pages& pages() {
    static Pages made;
    return made;
  }
};

using cfpipe::testing::frame;
using cfpipe::testing::kData;
using cfpipe::testing::kEndHeaders;
using cfpipe::testing::kEndStream;
using cfpipe::testing::kHeaders;
using cfpipe::testing::kSettings;
using cfpipe::testing::kWindow;
/// SETTINGS_INITIAL_WINDOW_SIZE 0: nothing of an answer's body may be sent.
const std::string kNoWindow("\x00\x04\x00\x00\x00\x00", 6);
constexpr unsigned kStreams = 100;
/// Of the heads that these tests send, at most.
constexpr std::size_t kHeadBytes = 64;
std::string preface(const std::string& settings = {}) {
  return cfpipe::testing::kMagic + frame(kSettings, 0, 0, settings);
}
/// `:method`, `:scheme https`, `:path`, `:authority` as HPACK's static table has them (RFC 7541 A).
std::string head(bool post, const std::string& path) {
  return std::string(post ? "\x83" : "\x82") + "\x87" + std::string("\x04", 1) +
         static_cast<char>(path.size()) + path + "\x01\x0cvm.localhost";
}

TEST_F(SlowClients, HaveSoLongForTheHandshake) {
  options_.timeouts.handshake = kTimeout;
  start();
  RawClient silent(port());
  EXPECT_TRUE(silent.hear());
  RawClient slow(port());
  // A record of 512 bytes, in no hurry.
  slow.say(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  EXPECT_TRUE(slow.hear("x"));
  EXPECT_TRUE(until_connections_are(0));
}

TEST_F(SlowClients, HaveSoLongForAHeadAndForABody) {
  options_.timeouts.request = kTimeout;
  start();
  for (const char* begun : {"GET / HTTP/1.1\r\nHost: vm.localhost\r\nX: ",
                            "POST / HTTP/1.1\r\nHost: vm.localhost\r\nContent-Length: 200000\r\n\r\n"}) {
    RawClient client(port());
    ASSERT_TRUE(client.handshake("http/1.1"));
    client.say(begun);
    const auto heard = client.hear("x");
    ASSERT_TRUE(heard) << begun;
    EXPECT_TRUE(heard->starts_with("HTTP/1.1 408 ")) << *heard;
  }
}

TEST_F(SlowClients, HaveSoLongForTheNextRequest) {
  options_.timeouts.request = kTimeout;
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  client.say("GET / HTTP/1.1\r\nHost: vm.localhost\r\n\r\n");
  const auto heard = client.hear();
  ASSERT_TRUE(heard);
  EXPECT_TRUE(heard->starts_with("HTTP/1.1 200 ") && heard->ends_with("\r\n\r\npage")) << *heard;
}

TEST_F(SlowClients, HaveSoLongToTakeAnAnswer) {
  options_.timeouts.request = kTimeout;
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  client.say("GET /large HTTP/1.1\r\nHost: vm.localhost\r\n\r\n");
  EXPECT_TRUE(until_connections_are(0));
}

TEST_F(SlowClients, HaveSoLongWithoutAStreamOfHttp2) {
  options_.timeouts.h2_idle = kTimeout;
  start();
  RawClient silent(port());
  ASSERT_TRUE(silent.handshake("h2"));
  silent.say(preface());
  EXPECT_TRUE(silent.hear());
  // A head that goes on and on, in a frame of 200 bytes and then in none.
  RawClient slow(port());
  ASSERT_TRUE(slow.handshake("h2"));
  slow.say(preface() + frame(kHeaders, kEndStream, 1, head(false, "/")));
  EXPECT_TRUE(slow.hear());
  RawClient trickle(port());
  ASSERT_TRUE(trickle.handshake("h2"));
  const std::string started = frame(kHeaders, kEndStream | kEndHeaders, 1, std::string(200, '\x82'));
  trickle.say(preface() + started.substr(0, 20));
  EXPECT_TRUE(trickle.hear("\x82"));
}

TEST_F(SlowClients, HaveSoLongForABodyOverHttp2) {
  options_.timeouts.request = options_.timeouts.h2_idle = kTimeout;
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("h2"));
  client.say(preface() + frame(kHeaders, kEndHeaders, 1, head(true, "/")));
  const auto heard = client.hear(frame(kData, 0, 1, "x"));
  ASSERT_TRUE(heard);
  EXPECT_NE(heard->find("too slow"), std::string::npos);
}

TEST_F(SlowClients, HaveSoLongToTakeAnAnswerOverHttp2) {
  options_.timeouts.request = options_.timeouts.h2_idle = kTimeout;
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("h2"));
  client.say(preface(kNoWindow) + frame(kHeaders, kEndStream | kEndHeaders, 1, head(false, "/")));
  EXPECT_TRUE(client.hear());
  EXPECT_TRUE(until_connections_are(0));
}

TEST_F(SlowClients, ThatTakeNothingOfAnAnswerHaveLessTime) {
  options_.timeouts.stall = options_.timeouts.h2_idle = kTimeout;
  start();
  RawClient over_h2(port());
  ASSERT_TRUE(over_h2.handshake("h2"));
  over_h2.say(preface(kNoWindow) + frame(kHeaders, kEndStream | kEndHeaders, 1, head(false, "/part")));
  EXPECT_TRUE(over_h2.hear());
  RawClient over_h1(port());
  ASSERT_TRUE(over_h1.handshake("http/1.1"));
  over_h1.say("GET /large HTTP/1.1\r\nHost: vm.localhost\r\n\r\n");
  EXPECT_TRUE(until_connections_are(0));
}

TEST_F(SlowClients, DoNotMakeTheEdgeHoldMoreThanOneLargeAnswer) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("h2"));
  std::string requests = preface(kNoWindow);
  for (unsigned i = 0; i < kStreams; ++i)
    requests += frame(kHeaders, kEndStream | kEndHeaders, 2 * i + 1, head(false, "/part"));
  client.say(requests);
  ASSERT_TRUE(until([&] { return options_.memory->refusals(MemoryUse::large) == kStreams - 1; }));
  EXPECT_LE(options_.memory->used(), kConnectionBytes + kH2ConnectionBytes + kMaxAnswersHeld);
}

TEST_F(SlowClients, DoNotMakeTheEdgeCopyAFileForEachStream) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("h2"));
  const auto before = tunnel::held_bytes();
  const auto handled = pages().handled.load();
  std::string requests = preface(kNoWindow);
  for (unsigned i = 0; i < kStreams; ++i)
    requests += frame(kHeaders, kEndStream | kEndHeaders, 2 * i + 1, head(false, "/file"));
  client.say(requests);
  ASSERT_TRUE(until([&] { return pages().handled == handled + kStreams; }));
  // A byte of each: a write that is taken for it must not hold the rest of the file, nor of its step.
  std::string bytes;
  for (unsigned i = 0; i < kStreams; ++i) bytes += frame(kWindow, 0, 2 * i + 1, std::string("\0\0\0\1", 4));
  client.say(bytes);
  for (unsigned frames = 0; frames < kStreams; ++frames) {
    const std::string of_a_byte("\0\0\1\0\0\0\0", 7);
    ASSERT_TRUE(client.hear_until(of_a_byte).ends_with(of_a_byte));
  }
  EXPECT_LE(options_.memory->used(), kConnectionBytes + kH2ConnectionBytes + transport::kWriteStep +
                                         kStreams * (kRequestBytes + kHeadBytes));
  EXPECT_EQ(options_.memory->refusals(MemoryUse::large), 0u);
  EXPECT_LE(tunnel::held_bytes(), before + 256 * 1024);
}

TEST_F(SlowClients, GetAFileWholeOverBothVersions) {
  start();
  RawClient over_h1(port());
  ASSERT_TRUE(over_h1.handshake("http/1.1"));
  over_h1.say("HEAD /file HTTP/1.1\r\nHost: vm.localhost\r\n\r\n");
  const std::string head_alone = over_h1.hear_until("\r\n\r\n");
  EXPECT_NE(head_alone.find("Content-Length: 460000\r\n"), std::string::npos) << head_alone;
  over_h1.say("GET /file HTTP/1.1\r\nHost: vm.localhost\r\nConnection: close\r\n\r\n");
  const auto heard = over_h1.hear();
  ASSERT_TRUE(heard);
  EXPECT_TRUE(heard->starts_with("HTTP/1.1 200 ") && heard->ends_with("\r\n\r\n" + constant_file()));
  RawClient over_h2(port());
  ASSERT_TRUE(over_h2.handshake("h2"));
  const std::string large("\x00\x04\x00\x10\x00\x00", 6);  // SETTINGS_INITIAL_WINDOW_SIZE 1 MiB
  over_h2.say(preface(large) + frame(kWindow, 0, 0, std::string("\0\x10\0\0", 4)) +
              frame(kHeaders, kEndStream | kEndHeaders, 1, head(false, "/file")));
  const std::string all = over_h2.hear_until(frame(kData, kEndStream, 1, ""));
  EXPECT_GE(std::count(all.begin(), all.end(), 'f'), 460'000);
}

TEST_F(SlowClients, AreAnsweredBeforeABodyThatIsNotRead) {
  start();
  RawClient over_h1(port());
  ASSERT_TRUE(over_h1.handshake("http/1.1"));
  over_h1.say(
      "POST /deaf HTTP/1.1\r\nHost: vm.localhost\r\nContent-Length: 200000\r\n\r\n"
      "GET / HTTP/1.1\r\n\r\n");
  const auto heard = over_h1.hear();
  ASSERT_TRUE(heard);
  EXPECT_TRUE(heard->starts_with("HTTP/1.1 200 ") && heard->ends_with("\r\n\r\npage")) << *heard;
  EXPECT_NE(heard->find("Connection: close"), std::string::npos) << "the body is no request";
  RawClient over_h2(port());
  ASSERT_TRUE(over_h2.handshake("h2"));
  over_h2.say(preface() + frame(kHeaders, kEndHeaders, 1, head(true, "/deaf")));
  EXPECT_TRUE(over_h2.hear_until("page").ends_with("page"));
}

TEST_F(SlowClients, DoNotMakeTheEdgeHoldBodiesThatAreNotRead) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("h2"));
  const auto before = tunnel::held_bytes();
  const auto handled = pages().handled.load();
  // The answers wait, and the streams with them: 100 bodies of 8,000 bytes are what the connection's window
  // has room for.
  std::string requests = preface(kNoWindow);
  for (unsigned i = 0; i < kStreams; ++i) {
    requests += frame(kHeaders, kEndHeaders, 2 * i + 1, head(true, "/deaf"));
    requests += frame(kData, 0, 2 * i + 1, std::string(8'000, 'x'));
  }
  client.say(requests + frame(cfpipe::testing::kPing, 0, 0, "bodies.."));
  ASSERT_TRUE(client.hear_until("bodies..").ends_with("bodies..")) << "all of it has been read";
  ASSERT_TRUE(until([&] { return pages().handled == handled + kStreams; }));
  EXPECT_TRUE(until([&] { return tunnel::held_bytes() <= before + 128 * 1024; }));
}

TEST_F(SlowClients, AreChargedForABodyAsItComes) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  client.say("POST / HTTP/1.1\r\nHost: vm.localhost\r\nContent-Length: 200000\r\n\r\n" +
             std::string(150'000, 'x'));
  EXPECT_TRUE(until([&] { return options_.memory->used() >= kConnectionBytes + 150'000; }));
  options_.memory->set_limit(kConnectionBytes);
  client.say("more");
  const auto heard = client.hear();
  ASSERT_TRUE(heard);
  EXPECT_TRUE(heard->starts_with("HTTP/1.1 503 ")) << *heard;
  EXPECT_TRUE(until([&] { return options_.memory->used() == 0; }));
}

TEST_F(SlowClients, AreToldWhereMemoryIsShort) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  const std::string request = "GET / HTTP/1.1\r\nHost: vm.localhost\r\n\r\n";
  client.say(request);
  ASSERT_TRUE(client.hear_until("page").ends_with("page"));
  options_.memory->set_limit(kConnectionBytes);
  client.say(request);
  const auto heard = client.hear();
  ASSERT_TRUE(heard);
  EXPECT_TRUE(heard->starts_with("HTTP/1.1 503 ")) << *heard;
  EXPECT_NE(heard->find("Retry-After: "), std::string::npos);
  EXPECT_EQ(options_.memory->refusals(MemoryUse::small), 1u);
}

TEST_F(SlowClients, AreChargedForAHeadAsItComes) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  client.say("GET / HTTP/1.1\r\nHost: vm.localhost\r\nX: " + std::string(30'000, 'x'));
  EXPECT_TRUE(until([&] { return options_.memory->used() >= kConnectionBytes + 14'000; }));
  client.say("\r\n\r\n");
  EXPECT_TRUE(client.hear_until("page").ends_with("page"));
  EXPECT_TRUE(until([&] { return options_.memory->used() == kConnectionBytes; })) << "once it was answered";
}

TEST_F(SlowClients, OfAHeadThatWasAnsweredLeaveNothingBehind) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("h2"));
  const auto handled = pages().handled.load();
  const std::string field = std::string("\x40\x01x\x7f\xa1\x1e", 6) + std::string(4'000, 'v');
  std::string requests =
      preface(kNoWindow) + frame(kHeaders, kEndStream | kEndHeaders, 1, head(false, "/file") + field);
  for (unsigned i = 1; i < 30; ++i)
    requests +=
        frame(kHeaders, kEndStream | kEndHeaders, 2 * i + 1, head(false, "/file") + std::string(7, '\xbe'));
  client.say(requests);
  ASSERT_TRUE(until([&] { return pages().handled == handled + 30; }));
  EXPECT_TRUE(until([&] {
    return options_.memory->used() <=
           kConnectionBytes + kH2ConnectionBytes + transport::kWriteStep + 30 * kRequestBytes;
  })) << options_.memory->used();
}

TEST_F(SlowClients, HaveSoMuchOfHeadsThatWaitForBodies) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("h2"));
  // A field of 4,000 bytes into the table (RFC 7541 6.2.1), and then that field again by one byte each.
  const std::string field = std::string("\x40\x01x\x7f\xa1\x1e", 6) + std::string(4'000, 'v');
  std::string requests = preface() + frame(kHeaders, kEndHeaders, 1, head(true, "/") + field);
  for (unsigned i = 1; i < kStreams; ++i)
    requests += frame(kHeaders, kEndHeaders, 2 * i + 1, head(true, "/") + std::string(7, '\xbe'));
  client.say(requests);
  const auto refused = [&] {
    return options_.memory->refusals(MemoryUse::large) + options_.memory->refusals(MemoryUse::small);
  };
  ASSERT_TRUE(until([&] { return refused() >= kStreams / 2; }));
  EXPECT_LE(options_.memory->used(), kConnectionBytes + kH2ConnectionBytes + kMaxRequestsHeld);
}

TEST_F(SlowClients, ThatAreIdleMakeRoomForNewOnes) {
  options_.max_connections = 2;
  start();
  RawClient oldest(port());
  ASSERT_TRUE(until_connections_are(1));
  RawClient second(port());
  ASSERT_TRUE(until_connections_are(2));
  RawClient third(port());
  EXPECT_EQ(oldest.hear(), "");
  ASSERT_TRUE(third.handshake("http/1.1"));
  third.say("GET / HTTP/1.1\r\nHost: vm.localhost\r\nConnection: close\r\n\r\n");
  const auto heard = third.hear();
  ASSERT_TRUE(heard);
  EXPECT_TRUE(heard->ends_with("page")) << *heard;
  EXPECT_EQ(options_.memory->refusals(MemoryUse::connection), 1u);
}

TEST_F(SlowClients, OfOneAddressHaveSoManyConnections) {
  options_.max_connections_per_address = 2;
  start();
  RawClient first(port());
  std::optional<RawClient> second(port());
  ASSERT_TRUE(until_connections_are(2));
  RawClient third(port());
  EXPECT_EQ(third.hear(), "");
  EXPECT_EQ(server_->refused_connections(), 1u);
  second.reset();
  ASSERT_TRUE(until_connections_are(1));
  RawClient fourth(port());
  EXPECT_TRUE(until_connections_are(2));
  EXPECT_TRUE(fourth.handshake("http/1.1"));
}

}  // namespace
}  // namespace cfpipe::edge
