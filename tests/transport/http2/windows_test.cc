// What an end sends under the flow-control windows that its peer grants (RFC 9113 5.2, 6.9), for both roles.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "h2_ends.h"
#include "support/h2_verdict.h"

namespace cfpipe::transport {
namespace {
using namespace testing;
using tunnel::IoStatus;

constexpr std::uint32_t kMostWindow = 0x7fffffff;
constexpr std::uint32_t kDefaultWindow = 65'535;

/// SETTINGS_INITIAL_WINDOW_SIZE, as often as there are sizes.
std::string initial(std::initializer_list<std::uint32_t> sizes) {
  std::string out;
  for (const auto size : sizes) out += number(4, 2) + number(size, 4);
  return frame(kSettings, 0, 0, out);
}

/// An end with streams 1, 3 … that have `size` bytes to send each. Its peer is the test.
class Sender {
 public:
  Sender(H2Role role, std::size_t size) : role_(role), end_(role), text_(size, 'x') {
    take(role == H2Role::server ? kMagic + frame(kSettings, 0, 0, "") : setting(8, 1));
  }
  void take(const std::string& frames) {
    end_.session.receive(std::as_bytes(std::span(frames)), end_.now);
    end_.session.send();
    offer();
  }
  void open_next() {
    const auto stream = static_cast<std::uint32_t>(2 * taken_.size() + 1);
    const auto id = static_cast<std::int32_t>(stream);
    if (role_ == H2Role::server) {
      take(head(stream, kPost, kEndHeaders));
      EXPECT_TRUE(end_.session.respond(id, {{":status", "200"}}, false));
    } else {
      const H2Head request = {{":method", "CONNECT"},
                              {":protocol", "websocket"},
                              {":scheme", "https"},
                              {":authority", "vm"},
                              {":path", "/"}};
      EXPECT_EQ(end_.session.request(request, false), id);
      end_.session.send();
      take(head(stream, "\x88", kEndHeaders));  // `:status 200` by the static table (RFC 7541 A)
    }
    taken_.push_back(false);
    offer();
  }
  void finish(std::int32_t stream) {
    end_.session.end(stream);
    end_.session.send();
  }

  /// Bytes of DATA on each stream.
  std::vector<std::size_t> sent() const {
    std::vector<std::size_t> out(taken_.size());
    for (const auto& frame : frames_of(end_.wire))
      if (frame.type == kData) out.at(frame.stream / 2) += frame.payload.size();
    return out;
  }
  bool ended(std::uint32_t stream) const {
    const auto frames = frames_of(end_.wire);
    return std::any_of(frames.begin(), frames.end(), [stream](const HeardFrame& frame) {
      return frame.type == kData && frame.stream == stream && (frame.flags & kEndStream) != 0;
    });
  }
  std::ptrdiff_t acknowledged_settings() const {
    const auto frames = frames_of(end_.wire);
    return std::count_if(frames.begin(), frames.end(), [](const HeardFrame& frame) {
      return frame.type == kSettings && frame.flags == kAck && frame.payload.empty();
    });
  }
  Verdict verdict() const { return verdict_of(end_.wire); }

 private:
  /// As a pump does: one write() for each stream, once there is room.
  void offer() {
    for (std::size_t i = 0; i < taken_.size(); ++i) {
      const auto id = static_cast<std::int32_t>(2 * i + 1);
      if (!taken_[i] && end_.session.room(id) > 0) taken_[i] = end_.write(id, text_) == IoStatus::ok;
    }
  }

  H2Role role_;
  H2End end_;
  std::string text_;
  std::vector<bool> taken_;  ///< what the stream has to send
};

/// Frames of the peer, and the bytes that each stream has sent after them. The first are taken before the
/// streams open.
struct WindowStep {
  std::string frames;
  std::vector<std::size_t> sent;
};
struct WindowRow {
  const char* name;
  std::size_t size;
  std::vector<WindowStep> steps;
};

std::string title(const WindowRow& row, H2Role role, std::size_t step) {
  return std::string(row.name) + (role == H2Role::server ? ", server" : ", client") + ", step " +
         std::to_string(step);
}

void expect_windows(const std::vector<WindowRow>& rows) {
  for (const auto& row : rows) {
    for (const auto role : {H2Role::server, H2Role::client}) {
      Sender sender(role, row.size);
      for (std::size_t i = 0; i < row.steps.size(); ++i) {
        const auto& step = row.steps[i];
        sender.take(step.frames);
        for (std::size_t n = 0; i == 0 && n < step.sent.size(); ++n) sender.open_next();
        EXPECT_EQ(sender.sent(), step.sent) << title(row, role, i);
      }
      EXPECT_EQ(sender.verdict().connection, kOk) << row.name;
      EXPECT_TRUE(sender.verdict().streams.empty()) << row.name;
      const auto settings = std::count_if(row.steps.begin(), row.steps.end(), [](const WindowStep& step) {
        return !step.frames.empty() && static_cast<std::uint8_t>(step.frames[3]) == kSettings;
      });
      EXPECT_EQ(sender.acknowledged_settings(), settings + 1) << row.name;
    }
  }
}

TEST(H2Windows, NoMoreIsSentThanTheyHaveRoomFor) {
  expect_windows({
      {"one byte", 10, {{initial({1}), {1}}, {window(1, 2), {3}}, {window(1, 100), {10}}}},
      {"none", 10, {{initial({0}), {0}}, {window(1, 10), {10}}}},
      {"as much as there is", 10, {{initial({10}), {10}}}},
      {"the last of several values", 10, {{initial({100, 1}), {1}}}},
      {"the last, which is the largest", 10, {{initial({0, 1, 100}), {10}}}},
      {"the largest", 10, {{initial({kMostWindow}), {10}}}},
      {"the default", kDefaultWindow + 9, {{"", {kDefaultWindow}}, {window(0, 9), {kDefaultWindow}}}},
      {"two streams", 10, {{initial({2}), {2, 2}}, {window(3, 3), {2, 5}}, {window(1, 1), {3, 5}}}},
  });
}

// RFC 9113 6.9.2: by the difference, of every stream, and into the negative.
TEST(H2Windows, AChangedSettingChangesThoseOfOpenStreams) {
  expect_windows({
      {"from none to one byte", 10, {{initial({0}), {0}}, {initial({1}), {1}}}},
      {"of two streams", 10, {{initial({0}), {0, 0}}, {initial({1}), {1, 1}}, {initial({3}), {3, 3}}}},
      {"below what is sent", 10, {{initial({3}), {3}}, {initial({2}), {3}}, {window(1, 2), {4}}}},
      {"to none", 10, {{initial({5}), {5}}, {initial({0}), {5}}, {window(1, 5), {5}}, {window(1, 1), {6}}}},
      {"down and up again", 10, {{initial({3}), {3}}, {initial({0, 3}), {3}}, {initial({4}), {4}}}},
      {"down after a grant", 10, {{initial({1}), {1}}, {window(1, 2), {3}}, {initial({0}), {3}}}},
      {"of the streams that are short of it",
       10,
       {{initial({2}), {2, 2}}, {window(1, 3), {5, 2}}, {initial({0}), {5, 2}}, {window(3, 3), {5, 3}}}},
  });
}

TEST(H2Windows, ThatOfTheConnectionIsOneOfAllStreamsAndNoSettingChangesIt) {
  constexpr std::size_t kBytes = 100'000;
  constexpr std::size_t kAll = kDefaultWindow;
  expect_windows({
      {"one stream",
       kBytes,
       {{initial({200'000}), {kAll}}, {window(1, 50'000), {kAll}}, {window(0, 10), {kAll + 10}}}},
      {"a setting", kBytes, {{initial({200'000}), {kAll}}, {initial({400'000}), {kAll}}}},
      {"granted beforehand", kBytes, {{initial({200'000}) + window(0, 5), {kAll + 5}}}},
  });
  for (const auto role : {H2Role::server, H2Role::client}) {
    Sender sender(role, kBytes);
    sender.take(initial({200'000}));
    sender.open_next();
    sender.open_next();
    const auto sum = [&] { return sender.sent()[0] + sender.sent()[1]; };
    EXPECT_EQ(sum(), kAll);
    sender.take(window(0, 100));
    EXPECT_EQ(sum(), kAll + 100);
  }
}

TEST(H2Windows, AnEndWaitsForWhatIsInFrontOfIt) {
  for (const auto role : {H2Role::server, H2Role::client}) {
    Sender sender(role, 10);
    sender.take(initial({3}));
    sender.open_next();
    sender.finish(1);
    EXPECT_FALSE(sender.ended(1));
    sender.take(window(1, 6));
    EXPECT_FALSE(sender.ended(1));
    sender.take(window(1, 1));
    EXPECT_TRUE(sender.ended(1));
    EXPECT_EQ(sender.sent(), std::vector<std::size_t>{10});
  }
}

// It may leave without room (RFC 9113 6.9.1), and has to once there is some.
TEST(H2Windows, AnEndAloneNeedsNoRoomOfItsOwn) {
  for (const auto role : {H2Role::server, H2Role::client}) {
    Sender sender(role, 3);
    sender.take(initial({3}));
    sender.open_next();
    sender.finish(1);
    sender.take(window(1, 1));
    EXPECT_TRUE(sender.ended(1));
    EXPECT_EQ(sender.sent(), std::vector<std::size_t>{3});
  }
}

TEST(H2Windows, BeyondTheLargestTheyAreAnError) {
  struct Fault {
    const char* name;
    std::string frames;
    bool of_stream;
  };
  const std::vector<Fault> faults = {
      {"of the connection", window(0, kMostWindow), false},
      {"of a stream", window(1, kMostWindow), true},
      {"of a stream, by one", window(1, kMostWindow - kDefaultWindow) + window(1, 1), true},
      {"a setting of 2^31", initial({kMostWindow + 1}), false},
      // RFC 9113 6.9.2 has this end the connection; nghttp2 ends the stream, whose window it is.
      {"a setting behind a grant", window(1, kMostWindow - kDefaultWindow) + initial({kDefaultWindow + 1}),
       true},
  };
  for (const auto& fault : faults) {
    for (const auto role : {H2Role::server, H2Role::client}) {
      Sender sender(role, 0);
      sender.open_next();
      sender.take(fault.frames);
      const auto verdict = sender.verdict();
      EXPECT_EQ(verdict.connection, fault.of_stream ? kOk : kFlowControl) << fault.name;
      EXPECT_EQ(verdict.streams.contains(1) ? verdict.streams.at(1) : kOk,
                fault.of_stream ? kFlowControl : kOk)
          << fault.name;
    }
  }
}

TEST(H2Windows, UpToTheLargestTheyAreNone) {
  for (const auto role : {H2Role::server, H2Role::client}) {
    Sender sender(role, 0);
    sender.open_next();
    sender.take(window(0, kMostWindow - kDefaultWindow) + window(1, kMostWindow - kDefaultWindow) +
                initial({kDefaultWindow}) + frame(kPing, 0, 0, kPingPayload));
    EXPECT_TRUE(sender.verdict().alive);
    EXPECT_EQ(sender.verdict().connection, kOk);
    EXPECT_TRUE(sender.verdict().streams.empty());
  }
}

}  // namespace
}  // namespace cfpipe::transport
