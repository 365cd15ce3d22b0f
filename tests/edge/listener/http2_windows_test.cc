// A client that grants an answer little room, over TLS to a running edge (RFC 9113 6.5.3, 6.9), and what ends
// the whole connection.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "edge/fake_site.h"
#include "edge/raw_client.h"
#include "support/h2_verdict.h"
#include "support/hosts.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {
using namespace testing;

const std::string kContent = "0123456789";

class TenBytes final : public FakeSite {
 public:
  net::awaitable<Answer> handle(const Request&) override {
    Answer answer;
    answer.body = kContent;
    co_return answer;
  }
};

TenBytes& ten_bytes() {
  static TenBytes made;
  return made;
}

/// `https://vm.localhost/`, behind a method.
const std::string kPageFields = "\x87\x84\x41\x0cvm.localhost";

/// A connection whose frames a test writes.
class FramePeer {
 public:
  explicit FramePeer(std::uint16_t port) : client_(port) {
    EXPECT_TRUE(client_.handshake("h2"));
    EXPECT_TRUE(client_.say(kMagic + frame(kSettings, 0, 0, "")));
  }
  void say(const std::string& frames) { EXPECT_TRUE(client_.say(frames)); }
  /// Everything that the edge has to say to what it has been sent so far.
  void settle() {
    const std::string mark = number(++marks_, 8);
    say(frame(kPing, 0, 0, mark));
    hear_until([&](const HeardFrame& frame) { return frame.type == kPing && frame.payload == mark; });
  }
  void hear_head() {
    hear_until([](const HeardFrame& frame) { return frame.type == kHeaders; });
  }
  bool hear_content(std::size_t bytes) {
    while (content_.size() < bytes)
      if (!hear_until([](const HeardFrame& frame) { return frame.type == kData; })) return false;
    return true;
  }
  /// The connection has ended.
  bool hear_end() {
    return !hear_until([](const HeardFrame&) { return false; });
  }

  const std::string& content() const { return content_; }
  bool ended() const { return ended_; }
  int code() const { return verdict_of(all_).connection; }

 private:
  /// The frames up to such a one. False: there was none.
  template <class F>
  bool hear_until(F is) {
    for (;;) {
      for (auto frames = frames_of(all_); used_ < frames.size();) {
        const HeardFrame& frame = frames[used_++];
        if (frame.type == kData) content_ += frame.payload;
        ended_ =
            ended_ || ((frame.type == kData || frame.type == kHeaders) && (frame.flags & kEndStream) != 0);
        if (is(frame)) return true;
      }
      const auto more = client_.hear_some();
      if (more.empty()) return false;
      all_ += more;
    }
  }

  RawClient client_;
  std::string all_;
  std::size_t used_ = 0;  ///< frames of those that have been looked at
  std::string content_;   ///< of DATA
  bool ended_ = false;
  std::uint64_t marks_ = 0;
};

class H2Flow : public RawEdgeTest {
 protected:
  H2Flow() : RawEdgeTest(ten_bytes()) { start(); }
};

std::string initial(std::initializer_list<std::uint32_t> sizes) {
  std::string out;
  for (const auto size : sizes) out += number(4, 2) + number(size, 4);
  return frame(kSettings, 0, 0, out);
}

TEST_F(H2Flow, AnAnswerIsSentAsItsWindowHasRoom) {
  struct Step {
    std::string frames;
    std::size_t content;  ///< in all, after those
  };
  struct Row {
    const char* name;
    std::string settings;
    std::vector<Step> steps;  ///< the first behind the request
  };
  const std::vector<Row> rows = {
      {"as much as there is", initial({10}), {{"", 10}}},
      {"one byte", initial({1}), {{"", 1}, {window(1, 2), 3}, {window(1, 7), 10}}},
      {"none", initial({0}), {{"", 0}, {window(1, 100), 10}}},
      {"the last of several values", initial({100, 1}), {{"", 1}, {initial({200}), 10}}},
      {"a changed setting", initial({0}), {{"", 0}, {initial({1}), 1}, {initial({10}), 10}}},
      {"a negative window",
       initial({3}),
       {{"", 3}, {initial({2}), 3}, {window(1, 2), 4}, {window(1, 6), 10}}},
      {"room of the connection alone", initial({4}), {{window(0, 100), 4}, {window(1, 6), 10}}},
  };
  for (const auto& row : rows) {
    FramePeer peer(port());
    peer.say(row.settings);
    peer.settle();
    peer.say(head(1, "\x82" + kPageFields));
    peer.hear_head();
    for (const auto& step : row.steps) {
      if (!step.frames.empty()) peer.say(step.frames);
      ASSERT_TRUE(peer.hear_content(step.content)) << row.name;
      // With no room left, the end may wait for some, although it is an empty frame (RFC 9113 6.9.1).
      EXPECT_FALSE(peer.ended() && step.content < kContent.size()) << row.name;
      peer.settle();
      EXPECT_EQ(peer.content(), kContent.substr(0, step.content)) << row.name;
    }
    EXPECT_EQ(peer.code(), kOk) << row.name;
  }
}

TEST_F(H2Flow, AnAnswerToHeadNeedsNoRoom) {
  FramePeer peer(port());
  peer.say(initial({0}));
  peer.settle();
  peer.say(head(1, "\x42\x04HEAD" + kPageFields));
  peer.hear_head();
  peer.settle();
  EXPECT_TRUE(peer.ended());
  EXPECT_EQ(peer.content(), "");
}

TEST_F(H2Flow, AConnectionErrorIsNamedAndEndsTheConnection) {
  const std::vector<H2Row> rows = {
      {"PING of 6 bytes", frame(kPing, 0, 0, "abcdef"), Scope::connection, kFrameSize},
      {"a window beyond 2^31 - 1", window(0, 0x7fffffff), Scope::connection, kFlowControl},
      {"DATA of an idle stream", frame(kData, 0, 1, "x"), Scope::connection, kProtocol},
      {"an invalid header block", head(1, "\xff\xff\xff\xff\xff\xff"), Scope::connection, kCompression},
  };
  for (const auto& row : rows) {
    FramePeer peer(port());
    peer.say(row.frames);
    EXPECT_TRUE(peer.hear_end()) << row.name;
    EXPECT_EQ(peer.code(), row.code) << row.name;
  }
}

TEST_F(H2Flow, AnInvalidPrefaceEndsTheConnection) {
  RawClient client(port());
  ASSERT_TRUE(client.handshake("h2"));
  ASSERT_TRUE(client.say("INVALID CONNECTION PREFACE\r\n\r\n"));
  EXPECT_TRUE(client.hear().has_value());
}

}  // namespace
}  // namespace cfpipe::edge
