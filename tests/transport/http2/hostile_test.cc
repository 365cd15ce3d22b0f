#include <nghttp2/nghttp2.h>

#include <random>

#include "h2_ends.h"
#include "support/h2_frames.h"

namespace cfpipe::transport {
namespace {
using tunnel::IoStatus;

using testing::frame;
using testing::kContinuation;
using testing::kData;
using testing::kHeaders;
using testing::kMagic;
using testing::kPing;
using testing::kPriority;
using testing::kReset;
using testing::kWindow;
const std::string kEmptySettings = frame(testing::kSettings, 0, 0, "");

/// A server that a test says raw bytes to.
class H2HostileTest : public ::testing::Test {
 protected:
  H2HostileTest() { say(kMagic + kEmptySettings); }
  bool say(const std::string& bytes) {
    const bool taken = server.session.receive(std::as_bytes(std::span(bytes)), server.now);
    server.session.send();
    said += std::exchange(server.wire, {});
    return taken && server.session.why().empty();
  }
  /// `:method GET, :scheme https, :path /` from the static table, and an authority.
  static std::string request(std::uint32_t stream, std::uint8_t flags = 5, const std::string& more = "") {
    return frame(kHeaders, flags, stream, std::string("\x82\x87\x84\x41\x01") + "a" + more);
  }
  testing::H2End server{H2Role::server};
  std::string said;
};

TEST_F(H2HostileTest, TakesAnHonestRequest) {
  EXPECT_TRUE(say(request(1)));
  EXPECT_EQ(server.field(1, ":method"), "GET");
  EXPECT_TRUE(server.seen[1].ended);
}

TEST_F(H2HostileTest, EndsFloodsOfFramesThatCarryNothing) {
  const std::vector<std::pair<const char*, std::string>> floods = {
      {"ping", frame(kPing, 0, 0, "12345678")},
      {"settings", frame(testing::kSettings, 0, 0, "")},
      {"priority", frame(kPriority, 0, 7, std::string(5, '\1'))},
      {"window", frame(kWindow, 0, 0, std::string("\0\0\0\1", 4))},
      {"empty data", frame(kData, 0, 1, "")},
  };
  for (const auto& [name, one] : floods) {
    testing::H2End target(H2Role::server);
    const std::string start = kMagic + kEmptySettings + request(1, 4);
    ASSERT_TRUE(target.session.receive(std::as_bytes(std::span(start)), target.now));
    int taken = 0;
    while (taken < 100'000 && target.session.receive(std::as_bytes(std::span(one)), target.now)) {
      target.session.send();
      target.wire.clear();
      if (!target.session.why().empty()) break;
      ++taken;
    }
    EXPECT_LE(taken, 1'001) << name;
    EXPECT_GE(taken, 400) << name << ": an honest peer sends some";
    EXPECT_FALSE(target.session.why().empty()) << name;
  }
}

TEST_F(H2HostileTest, EndsARapidReset) {
  std::uint32_t stream = 1;
  while (stream < 100'000 &&
         say(request(stream, 5) + frame(kReset, 0, stream, std::string("\0\0\0\x8", 4)))) {
    stream += 2;
  }
  EXPECT_LE(stream, 1'100U);
  EXPECT_NE(said.find(frame(7, 0, 0, "").substr(3, 6)), std::string::npos) << "a GOAWAY says it";
}

TEST_F(H2HostileTest, AllowsAsManyResetsSlowly) {
  for (std::uint32_t stream = 1; stream < 1'800; stream += 2) {
    server.now += std::chrono::milliseconds(50);
    ASSERT_TRUE(say(request(stream, 5) + frame(kReset, 0, stream, std::string("\0\0\0\x8", 4)))) << stream;
  }
}

TEST_F(H2HostileTest, BoundsTheStreamsAtOnce) {
  for (std::uint32_t stream = 1; stream < 2 * kH2MaxStreams + 20; stream += 2) say(request(stream, 4));
  EXPECT_EQ(server.session.streams(), kH2MaxStreams);
}

// Each stream beyond those it may have costs a RST_STREAM, and no nuisance of its own.
TEST_F(H2HostileTest, EndsAPeerThatNeverReadsAtTheBoundOfTheQueue) {
  constexpr std::uint32_t kQueuedFrames = 2048;
  constexpr std::uint32_t kStagedFrames = 16 * 1024 / (kH2FrameHeader + 4) + 2;
  server.capacity = 0;
  std::uint32_t taken = 0;
  while (taken < 10'000 && say(request(2 * taken + 1))) ++taken;
  EXPECT_GE(taken, kQueuedFrames) << "an honest peer may be slow";
  EXPECT_LE(taken, kH2MaxStreams + kQueuedFrames + kStagedFrames);
  EXPECT_FALSE(server.session.why().empty());
}

TEST_F(H2HostileTest, BoundsWhatAHeaderUnpacksTo) {
  // A large field into the table, and then that field again by one byte each.
  const std::string large = std::string("\x40\x01x\x7f\xe1\x1e", 6) + std::string(4'000, 'v');
  const std::string again(10'000, '\xbe');
  const bool taken = say(request(1, 5, large + again));
  std::size_t kept = 0;
  for (const auto& [name, value] : server.seen[1].head) kept += name.size() + value.size();
  EXPECT_LE(kept, kH2MaxRequestHeadBytes);
  EXPECT_TRUE(!taken || server.seen[1].oversized);
}

TEST_F(H2HostileTest, EndsContinuationsWithoutEnd) {
  ASSERT_TRUE(say(request(1, 1)));
  int taken = 0;
  while (taken < 10'000 && say(frame(kContinuation, 0, 1, ""))) ++taken;
  EXPECT_LE(taken, 1'001);
}

TEST_F(H2HostileTest, EndsWhatOverrunsItsWindow) {
  ASSERT_TRUE(say(frame(4, 1, 0, "") + request(1, 4)));
  const std::string data = frame(kData, 0, 1, std::string(16'384, 'd'));
  for (std::size_t sent = 0; sent < kH2FirstWindow + 40'000; sent += 16'384) {
    if (!say(data)) break;
  }
  EXPECT_LE(server.seen[1].bytes, kH2FirstWindow + 16'384);
  EXPECT_TRUE(server.seen[1].closed || !server.session.why().empty());
}

TEST_F(H2HostileTest, SurvivesWhateverIsSaid) {
  std::mt19937 random(20'261'124);
  std::uniform_int_distribution<int> byte(0, 255);
  for (int round = 0; round < 3'000; ++round) {
    testing::H2End target(H2Role::server);
    std::string bytes = kMagic + kEmptySettings + request(1, 4);
    for (int i = 0; i < 20; ++i) {
      std::string payload;
      for (int n = byte(random) % 40; n > 0; --n) payload += static_cast<char>(byte(random));
      bytes += frame(static_cast<std::uint8_t>(byte(random) % 12), static_cast<std::uint8_t>(byte(random)),
                     static_cast<std::uint32_t>(byte(random) % 6), payload);
    }
    if (round % 3 == 0) bytes[static_cast<std::size_t>(byte(random)) % bytes.size()] ^= 0x55;
    target.session.receive(std::as_bytes(std::span(bytes)), target.now);
    target.session.send();
  }
}

TEST(H2NuisanceBudget, IsThatOfEachClientOfAConnection) {
  constexpr double kClients = 3;
  const std::chrono::steady_clock::time_point start{std::chrono::hours(1)};
  H2NuisanceBudget budget(kClients);
  budget.refill(start);
  EXPECT_TRUE(budget.spend(kClients * kH2NuisanceBurst));
  budget.refill(start + std::chrono::seconds(1));
  EXPECT_TRUE(budget.spend(kClients * kH2NuisancePerSecond));
  EXPECT_FALSE(budget.spend(1));
  budget.refill(start + std::chrono::seconds(100));
  EXPECT_TRUE(budget.lost()) << "what is lost stays lost";
}

}  // namespace
}  // namespace cfpipe::transport
