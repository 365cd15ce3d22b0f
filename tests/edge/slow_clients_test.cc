// Clients that take their time: each part of a connection has its own, however slowly it moves on. And
// connections that are too many for their address.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <optional>
#include <string>
#include <thread>

#include "edge/raw_client.h"
#include "support/h2_frames.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kPatience = 400ms;
/// More than the system takes of an answer without its reader.
constexpr std::size_t kLargeAnswer = 64 * 1024 * 1024;

/// Two of them are more than may wait on one connection.
constexpr std::size_t kPartOfWhatMayWait = kMaxAnswersHeld / 2 + 1;

class Pages final : public Site {
 public:
  std::atomic<std::size_t> handled{0};
  net::awaitable<Answer> handle(const Request& request) override {
    Answer answer;
    answer.body = request.path == "/large" ? std::string(kLargeAnswer, 'x') : "page";
    if (request.path == "/part") answer.body = std::string(kPartOfWhatMayWait, 'x');
    ++handled;
    co_return answer;
  }
  std::variant<TunnelGrant, Answer> upgrade(const Request&) override { return Answer{}; }
  std::int64_t opened(const TunnelGrant&, const Request&, std::shared_ptr<TunnelEnd>) override { return 0; }
  void closed(std::int64_t, std::uint64_t, std::uint64_t, std::string_view) override {}
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

 private:
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
/// SETTINGS_INITIAL_WINDOW_SIZE 0: nothing of an answer's body may be sent.
const std::string kNoWindow("\x00\x04\x00\x00\x00\x00", 6);
constexpr unsigned kStreams = 100;
std::string preface(const std::string& settings = {}) {
  return cfpipe::testing::kMagic + frame(kSettings, 0, 0, settings);
}
/// `:method`, `:scheme https`, `:path`, `:authority` as HPACK's static table has them (RFC 7541 A).
std::string head(bool post, const std::string& path) {
  return std::string(post ? "\x83" : "\x82") + "\x87" + std::string("\x04", 1) +
         static_cast<char>(path.size()) + path + "\x01\x0cvm.localhost";
}

TEST_F(SlowClients, HaveSoLongForTheHandshake) {
  options_.patience.handshake = kPatience;
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
  options_.patience.request = kPatience;
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
  options_.patience.request = kPatience;
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  client.say("GET / HTTP/1.1\r\nHost: vm.localhost\r\n\r\n");
  const auto heard = client.hear();
  ASSERT_TRUE(heard);
  EXPECT_TRUE(heard->starts_with("HTTP/1.1 200 ") && heard->ends_with("\r\n\r\npage")) << *heard;
}

TEST_F(SlowClients, HaveSoLongToTakeAnAnswer) {
  options_.patience.request = kPatience;
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  client.say("GET /large HTTP/1.1\r\nHost: vm.localhost\r\n\r\n");
  EXPECT_TRUE(until_connections_are(0));
}

TEST_F(SlowClients, HaveSoLongWithoutAStreamOfHttp2) {
  options_.patience.h2_idle = kPatience;
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
  options_.patience.request = options_.patience.h2_idle = kPatience;
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("h2"));
  client.say(preface() + frame(kHeaders, kEndHeaders, 1, head(true, "/")));
  const auto heard = client.hear(frame(kData, 0, 1, "x"));
  ASSERT_TRUE(heard);
  EXPECT_NE(heard->find("too slow"), std::string::npos);
}

TEST_F(SlowClients, HaveSoLongToTakeAnAnswerOverHttp2) {
  options_.patience.request = options_.patience.h2_idle = kPatience;
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("h2"));
  client.say(preface(kNoWindow) + frame(kHeaders, kEndStream | kEndHeaders, 1, head(false, "/")));
  EXPECT_TRUE(client.hear());
  EXPECT_TRUE(until_connections_are(0));
}

TEST_F(SlowClients, ThatTakeNothingOfAnAnswerHaveLessTime) {
  options_.patience.stall = options_.patience.h2_idle = kPatience;
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
