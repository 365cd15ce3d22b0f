#include "transport/http2/session.h"

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "h2_ends.h"
#include "transport/http/message_io.h"

namespace cfpipe::transport {
namespace {
using tunnel::IoStatus;

class H2SessionTest : public testing::H2EndsTest {
 protected:
  /// A round trip of 100 ms: up to `most` bytes leave, all that was under way comes in one batch, and the
  /// reader then takes `taken` of it, if not everything. What came.
  std::size_t carry(std::int32_t id, std::size_t most, std::optional<std::size_t> taken = std::nullopt) {
    server.keep_data = false;
    const std::string chunk(16 * 1024 - 9, 'x');
    for (std::size_t sent = 0; sent < most && client.session.room(id); sent += chunk.size())
      EXPECT_EQ(client.write(id, chunk), IoStatus::ok);
    const auto before = server.seen[id].bytes;
    EXPECT_TRUE(client.deliver_to(server));
    const auto came = server.seen[id].bytes - before;
    server.session.consumed(id, taken.value_or(came));
    server.session.send();
    EXPECT_TRUE(server.deliver_to(client));
    client.session.send();
    server.now += std::chrono::milliseconds(100);
    return came;
  }
};

TEST_F(H2SessionTest, OpensAWebSocketAndCarriesBothWays) {
  EXPECT_TRUE(client.session.settled());
  EXPECT_TRUE(client.session.takes_websockets());
  const auto id = open();
  EXPECT_EQ(server.field(id, ":protocol"), "websocket");
  EXPECT_EQ(server.field(id, "cf-access-token"), "secret");
  EXPECT_EQ(client.field(id, ":status"), "200");
  EXPECT_EQ(client.write(id, "up"), IoStatus::ok);
  EXPECT_EQ(server.write(id, "down"), IoStatus::ok);
  settle();
  EXPECT_EQ(server.seen[id].data, "up");
  EXPECT_EQ(client.seen[id].data, "down");

  client.session.end(id);
  settle();
  EXPECT_TRUE(server.seen[id].ended);
  EXPECT_FALSE(server.seen[id].closed) << "one direction is still open";
  EXPECT_EQ(server.write(id, " more"), IoStatus::ok);
  server.session.end(id);
  settle();
  EXPECT_EQ(client.seen[id].data, "down more");
  EXPECT_TRUE(client.seen[id].closed);
  EXPECT_TRUE(server.seen[id].closed);
  EXPECT_EQ(client.seen[id].code, kH2NoError);
}

TEST_F(H2SessionTest, SkipsInterimHeads) {
  const auto id = client.session.request(websocket_head(), false);
  settle();
  for (int i = 0; i < kMaxInterimAnswers; ++i) {
    ASSERT_TRUE(server.session.respond(id, {{":status", "103"}, {"link", "</a>"}}, false));
    settle();
  }
  EXPECT_TRUE(client.seen[id].head.empty());
  ASSERT_TRUE(server.session.respond(id, {{":status", "200"}}, false));
  settle();
  EXPECT_EQ(client.field(id, ":status"), "200");
  EXPECT_EQ(client.field(id, "link"), "");
}

TEST_F(H2SessionTest, ResetsAStreamOfInterimHeadsWithoutEnd) {
  const auto id = client.session.request(websocket_head(), false);
  const auto other = client.session.request(websocket_head(), false);
  settle();
  for (int i = 0; i <= kMaxInterimAnswers; ++i) {
    server.session.respond(id, {{":status", "103"}}, false);
    settle();
  }
  EXPECT_TRUE(client.seen[id].closed);
  EXPECT_TRUE(server.seen[id].closed);
  EXPECT_EQ(server.seen[id].code, kH2ProtocolError);
  EXPECT_FALSE(client.seen[other].closed);
}

TEST_F(H2SessionTest, TakesItsPeersBytesInAnyPieces) {
  const auto id = open();
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i);
  ASSERT_EQ(client.write(id, text), IoStatus::ok);
  client.session.end(id);
  settle(1);
  EXPECT_EQ(server.seen[id].data, text);
  EXPECT_TRUE(server.seen[id].ended);
}

TEST_F(H2SessionTest, LosesNothingHoweverTheWireBlocks) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i);
  for (std::size_t capacity : {1U, 10U, 100U, 5'000U, 20'000U, 70'000U}) {
    const auto id = open();
    client.capacity = capacity;
    std::size_t at = 0;
    for (int turn = 0; turn < 10'000 && !server.seen[id].ended; ++turn) {
      if (at < text.size() && client.session.room(id)) {
        ASSERT_EQ(client.write(id, text.substr(at, 60'000)), IoStatus::ok);
        at += 60'000;
      }
      if (at >= text.size()) client.session.end(id);
      client.session.send();
      client.deliver_to(server);
      server.session.consumed(id, server.seen[id].bytes - server.seen[id].data.size() + 60'000);
      server.session.send();
      server.deliver_to(client);
    }
    EXPECT_EQ(server.seen[id].data, text) << capacity;
    EXPECT_TRUE(server.seen[id].ended) << capacity;
    client.capacity = std::string::npos;
    server.session.end(id);
    settle();
  }
}

TEST_F(H2SessionTest, HoldsOneWriteWhereTheWindowIsClosed) {
  const auto id = open();
  const std::string chunk(64 * 1024, 'x');
  std::size_t taken = 0;
  while (client.session.room(id)) {
    ASSERT_EQ(client.write(id, chunk), IoStatus::ok);
    taken += chunk.size();
    settle();
  }
  EXPECT_EQ(server.seen[id].bytes, kH2FirstWindow);
  EXPECT_LE(taken, kH2FirstWindow + chunk.size());
  EXPECT_EQ(client.write(id, "x"), IoStatus::would_block);
  const auto other = open();
  EXPECT_EQ(client.write(other, "still"), IoStatus::ok);
  settle();
  EXPECT_EQ(server.seen[other].data, "still") << "a stalled stream does not stop another";

  server.session.consumed(id, kH2FirstWindow);
  settle();
  EXPECT_EQ(server.seen[id].bytes, taken);
  EXPECT_TRUE(client.session.room(id));
}

TEST_F(H2SessionTest, LeavesRoomForOthersHoweverManyStall) {
  const std::string chunk(64 * 1024, 'x');
  std::vector<std::int32_t> ids;
  while (client.session.streams_left() > 1) ids.push_back(open());
  EXPECT_EQ(ids.size(), kH2MaxStreams - 1);
  server.keep_data = false;
  std::size_t held = 0;
  for (const auto id : ids) {
    while (client.session.room(id)) {
      ASSERT_EQ(client.write(id, chunk), IoStatus::ok);
      settle();
    }
    held += server.seen[id].bytes;
  }
  EXPECT_EQ(held, ids.size() * kH2FirstWindow);
  EXPECT_LT(held, kH2ConnectionWindow);
  const auto last = open();
  EXPECT_EQ(client.session.streams_left(), 0U);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(client.write(last, chunk), IoStatus::ok) << i;
    settle();
    server.session.consumed(last, chunk.size());
    settle();
  }
  EXPECT_EQ(server.seen[last].bytes, 1000 * chunk.size());
}

// What a long path does: the reader consumes as it arrives, and its credits reach the sender a round later,
// one after another.
TEST_F(H2SessionTest, GrowsTheWindowToWhatThePathCarries) {
  const auto id = open();
  server.keep_data = false;
  const std::string chunk(64 * 1024 - 9, 'x');
  const auto write_all = [&] {
    while (client.session.room(id)) ASSERT_EQ(client.write(id, chunk), IoStatus::ok);
  };
  write_all();
  std::size_t in_a_round = 0;
  for (int round = 0; round < 20; ++round) {
    in_a_round = 0;
    const std::string forth = std::exchange(client.wire, {});
    for (std::size_t at = 0; at < forth.size(); at += 4'096) {
      const auto before = server.seen[id].bytes;
      const auto piece = forth.substr(at, 4'096);
      ASSERT_TRUE(server.session.receive(std::as_bytes(std::span(piece)), server.now));
      server.session.consumed(id, server.seen[id].bytes - before);
      in_a_round += server.seen[id].bytes - before;
      server.session.send();
    }
    const std::string back = std::exchange(server.wire, {});
    for (std::size_t at = 0; at < back.size(); at += 13) {
      const auto piece = back.substr(at, 13);
      ASSERT_TRUE(client.session.receive(std::as_bytes(std::span(piece)), client.now));
      client.session.send();
      write_all();
    }
  }
  EXPECT_GE(in_a_round, 12'500'000U) << "1 Gbit/s at 100 ms";
  EXPECT_LE(in_a_round, kH2MaxWindow);
}

// A relay, or a receiver that had to wait for its processor, delivers a round trip's bytes and the PING's
// answer in one batch, which the reader takes afterwards: it keeps up nevertheless.
TEST_F(H2SessionTest, GrowsTheWindowThoughBytesComeInBatches) {
  const auto id = open();
  std::size_t in_a_round = 0;
  for (int round = 0; round < 20; ++round) in_a_round = carry(id, std::string::npos);
  EXPECT_GE(in_a_round, 12'500'000U) << "1 Gbit/s at 100 ms";
}

// A thousand round trips that bring little: what was measured in them must not keep the next ones from being
// measured.
TEST_F(H2SessionTest, GrowsTheWindowOfAPathThatWasSlowForLong) {
  const auto id = open();
  std::size_t in_a_round = 0;
  for (int round = 0; round < 1000; ++round) carry(id, kH2FirstWindow / 4);
  for (int round = 0; round < 20; ++round) in_a_round = carry(id, kH2MaxWindow);
  EXPECT_GE(in_a_round, 12'500'000U) << "1 Gbit/s at 100 ms";
}

TEST_F(H2SessionTest, DoesNotGrowTheWindowOfAReaderThatIsSlowerThanThePath) {
  const auto id = open();
  for (int round = 0; round < 100; ++round) carry(id, std::string::npos, kH2FirstWindow / 4);
  EXPECT_LE(server.seen[id].bytes, 100 * kH2FirstWindow / 4 + kH2FirstWindow);
}

TEST_F(H2SessionTest, DoesNotGrowTheWindowOfAReaderThatStalls) {
  const auto id = open();
  server.keep_data = false;
  const std::string chunk(64 * 1024 - 9, 'x');
  for (int round = 0; round < 40; ++round) {
    while (client.session.room(id)) ASSERT_EQ(client.write(id, chunk), IoStatus::ok);
    settle();
  }
  EXPECT_EQ(server.seen[id].bytes, kH2FirstWindow);
}

TEST_F(H2SessionTest, DoesNotGrowWindowsBeyondWhatTheProcessAllows) {
  const auto unlimited =
      std::shared_ptr<void>(nullptr, [](void*) { limit_windows(std::numeric_limits<std::size_t>::max()); });
  const auto id = open();
  limit_windows(0);
  for (int round = 0; round < 20; ++round) EXPECT_LE(carry(id, std::string::npos), kH2FirstWindow);
}

TEST_F(H2SessionTest, AClosedStreamGivesItsWindowBackToTheProcess) {
  const auto unlimited =
      std::shared_ptr<void>(nullptr, [](void*) { limit_windows(std::numeric_limits<std::size_t>::max()); });
  const auto first = open(), second = open();
  limit_windows((kH2Growth - 1) * kH2FirstWindow);  // for one of them
  const auto window_of = [this](std::int32_t id) {
    std::size_t came = 0;
    // Measurements without growth have become rare.
    for (int round = 0; round < 200; ++round) came = carry(id, std::string::npos);
    return came;
  };
  EXPECT_GT(window_of(first), kH2FirstWindow);
  EXPECT_LE(window_of(second), kH2FirstWindow);
  client.session.end(first);
  server.session.end(first);
  settle();
  ASSERT_TRUE(server.seen[first].closed);
  EXPECT_GT(window_of(second), kH2FirstWindow);
}

TEST_F(H2SessionTest, CountsEachFieldOfAHeadWithWhatItCosts) {
  const auto oversized = [this](std::size_t fields) {
    auto head = websocket_head();
    for (std::size_t i = 0; i < fields; ++i) head.emplace_back("x-f", "1");
    const auto id = client.session.request(head, true);
    settle();
    return server.seen[id].oversized;
  };
  constexpr std::size_t kCost = 3 + 1 + 32;  // RFC 9113 6.5.2
  EXPECT_FALSE(oversized((kH2MaxRequestHeadBytes - 1'000) / kCost));
  EXPECT_TRUE(oversized(kH2MaxRequestHeadBytes / kCost + 1));
}

TEST_F(H2SessionTest, LetsAPeerSendLittleAheadBeforeItCarriesATunnel) {
  server.keep_data = false;
  const std::string chunk(64 * 1024, 'x');
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < 2 * kH2UnprovenWindow / kH2FirstWindow; ++i) {
    ids.push_back(client.session.request(websocket_head(), false));
    ASSERT_GT(ids.back(), 0);
  }
  settle();
  const auto send_all = [&] {
    for (const auto id : ids)
      while (client.session.room(id) > 0) ASSERT_EQ(client.write(id, chunk), IoStatus::ok);
    settle();
  };
  const auto held = [&] {
    std::size_t sum = 0;
    for (const auto id : ids) sum += server.seen[id].bytes;
    return sum;
  };
  send_all();
  EXPECT_EQ(held(), kH2UnprovenWindow);
  server.session.widen();
  settle();
  send_all();
  EXPECT_EQ(held(), 2 * kH2UnprovenWindow);
}

TEST_F(H2SessionTest, CreditsWhatCameForStreamsThatAreGone) {
  server.keep_data = false;
  const std::string chunk(64 * 1024, 'x');
  for (int i = 0; i < 1000; ++i) {
    const auto id = client.session.request(websocket_head(), false);
    ASSERT_GT(id, 0) << i;
    settle();
    while (client.session.room(id)) ASSERT_EQ(client.write(id, chunk), IoStatus::ok);
    server.now += std::chrono::seconds(1);
    client.now += std::chrono::seconds(1);
    server.session.reset(id, kH2Cancel);
    server.session.send();
    ASSERT_TRUE(client.deliver_to(server));
    server.session.consumed(id, server.seen[id].bytes);
    settle();
    ASSERT_TRUE(client.seen[id].closed);
  }
  const auto id = open();
  EXPECT_TRUE(client.session.room(id)) << server.session.why();
}

TEST_F(H2SessionTest, SharesTheWireEvenlyAndInSmallFrames) {
  const auto a = open();
  const std::string chunk(64 * 1024, 'x');
  ASSERT_EQ(client.write(a, chunk), IoStatus::ok);
  settle();
  EXPECT_GT(server.largest, 60'000U) << "alone, a frame is large";
  const auto b = open();
  server.arrivals.clear();
  server.largest = 0;
  client.capacity = 1;  // from now on everything is held
  ASSERT_EQ(client.write(a, chunk), IoStatus::ok);
  ASSERT_EQ(client.write(b, chunk), IoStatus::ok);
  for (int i = 0; i < 100; ++i) {
    client.session.send();
    client.deliver_to(server);
  }
  EXPECT_LE(server.largest, 16'384U);
  EXPECT_EQ(server.seen[b].bytes, chunk.size());
  std::size_t of_a = 0, of_b = 0;
  for (const auto& [id, size] : server.arrivals) {
    (id == a ? of_a : of_b) += size;
    const auto ahead = of_a > of_b ? of_a - of_b : of_b - of_a;
    if (of_a < chunk.size() && of_b < chunk.size()) {
      EXPECT_LE(ahead, 2 * 16384U);
    }
  }
}

TEST_F(H2SessionTest, AGoAwayLetsOpenStreamsGoOn) {
  const auto id = open();
  server.session.go_away();
  settle();
  EXPECT_TRUE(client.session.going_away());
  EXPECT_EQ(client.session.streams_left(), 0U);
  EXPECT_EQ(client.session.request(websocket_head(), false), 0);
  EXPECT_EQ(client.write(id, "on"), IoStatus::ok);
  EXPECT_EQ(server.write(id, "and on"), IoStatus::ok);
  settle();
  EXPECT_EQ(server.seen[id].data, "on");
  EXPECT_EQ(client.seen[id].data, "and on");
  EXPECT_FALSE(server.session.over());
  client.session.end(id);
  server.session.end(id);
  settle();
  EXPECT_TRUE(server.session.over());
  EXPECT_TRUE(client.session.over());
}

TEST_F(H2SessionTest, ARequestThatCrossesAGoAwayIsRefusedAsUnseen) {
  const auto seen = open();
  server.session.go_away();
  server.session.send();
  const auto late = client.session.request(websocket_head(), false);
  ASSERT_GT(late, seen);
  settle();
  EXPECT_TRUE(client.seen[late].closed);
  EXPECT_EQ(client.seen[late].code, kH2RefusedStream);
  EXPECT_FALSE(client.seen[seen].closed);
  EXPECT_EQ(server.seen.count(late), 0U);
}

TEST_F(H2SessionTest, ABrokenWireIsFoundBySending) {
  const auto id = open();
  client.broken = true;
  EXPECT_EQ(client.write(id, std::string(100'000, 'x')), IoStatus::failed);
  EXPECT_EQ(client.session.send(), IoStatus::failed);
}

TEST_F(H2SessionTest, PutsOneKeyPressIntoOneWrite) {
  const auto id = open();
  client.writes = 0;
  ASSERT_EQ(client.write(id, "k"), IoStatus::ok);
  EXPECT_EQ(client.writes, 1U);
  EXPECT_EQ(client.wire.size(), kH2FrameHeader + 1);
}

}  // namespace
}  // namespace cfpipe::transport
