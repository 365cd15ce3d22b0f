// Frames of a peer at the edges of RFC 6455, for both roles: the bytes that get through, the Pongs, and the
// Close that the stream answers with.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <string>
#include <vector>

#include "quiet_channel.h"
#include "support/websocket_cases.h"
#include "transport/websocket/stream.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {
using namespace testing::ws;
using tunnel::End;
using tunnel::IoStatus;

struct Outcome : Heard {
  End end = End::open;
};

/// What a stream of that role makes of the frames, which come in pieces of `step` bytes.
Outcome receive(WsRole role, const Frames& frames, std::size_t step) {
  net::io_context loop;
  std::vector<std::byte> heard;
  auto made = std::make_unique<testing::QuietChannel>(loop.get_executor(), heard, false);
  auto& channel = *made;
  const auto stream = make_websocket_stream(std::move(made), role, false, {});
  const std::string bytes = wire(frames, role == WsRole::server);
  std::string data;
  for (std::size_t at = 0; at < bytes.size(); at += std::min(step, bytes.size() - at)) {
    channel.say(std::string_view(bytes).substr(at, step));
    while (stream->fill() == IoStatus::ok) {
      std::size_t size = 0;
      for (const auto& slice : stream->ready()) {
        data.append(reinterpret_cast<const char*>(slice.data()), slice.size());
        size += slice.size();
      }
      stream->consume(size);
    }
  }
  const End end = stream->end();
  if (end != End::open) stream->finish();
  Outcome out{heard_frames({reinterpret_cast<const char*>(heard.data()), heard.size()}), end};
  out.data = std::move(data);
  return out;
}

void expect_closes(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    for (const auto role : {WsRole::client, WsRole::server}) {
      for (const std::size_t step : {std::size_t{1}, std::size_t{997}, std::string::npos}) {
        const auto out = receive(role, row.frames, step);
        const auto where = std::string(row.name) + ", pieces of " + std::to_string(step);
        EXPECT_EQ(out.data, row.data) << where;
        EXPECT_EQ(out.close, row.close) << where;
        EXPECT_EQ(out.end, row.close == kNormal ? End::clean : End::protocol) << where;
        if (step == 1) {
          EXPECT_EQ(out.pongs, row.pongs) << where;
        }
      }
    }
  }
}

TEST(WebSocketRules, MessagesOfEveryLengthGetThrough) {
  expect_closes(messages_of_every_length());
}

TEST(WebSocketRules, PingsAreAnsweredWithWhatTheyCarry) {
  expect_closes(pings());
}

TEST(WebSocketRules, ReservedBitsAndOpcodesEndTheConnection) {
  expect_closes(reserved_bits_and_opcodes());
}

TEST(WebSocketRules, FragmentsMakeOneMessageAndNothingElse) {
  expect_closes(fragments());
}

TEST(WebSocketRules, TextIsTakenAsBytes) {
  expect_closes(texts());
}

TEST(WebSocketRules, ClosesAreAnsweredAndNothingFollowsThem) {
  expect_closes(closes());
}

TEST(WebSocketRules, EveryCodeThatMayBeSentIsAnsweredInPeace) {
  for (const auto role : {WsRole::client, WsRole::server}) {
    for (const unsigned good : kGoodCodes) {
      const auto out = receive(role, {{kFin | kClose, code(good)}}, std::string::npos);
      const bool in_peace = good == kNormal || (good == 1001 && role == WsRole::server);
      EXPECT_EQ(out.close, kNormal) << good;
      EXPECT_EQ(out.end, in_peace ? End::clean : End::cut) << good;
    }
  }
}

// RFC 6455 5.1.
TEST(WebSocketRules, TheMaskOfTheWrongSideEndsTheConnection) {
  for (const auto role : {WsRole::client, WsRole::server}) {
    WsDecoder decoder(role);
    std::string bytes = wire({{kFin | kBinary, "x"}}, role == WsRole::client);
    std::vector<tunnel::Slice> payload;
    WsDecoder::Events events;
    EXPECT_FALSE(decoder.feed(std::as_writable_bytes(std::span(bytes)), payload, events));
    EXPECT_EQ(decoder.violation_code(), kProtocolErrorCode);
  }
}

TEST(WebSocketRules, LargeMessagesGetThroughHoweverTheyAreCut) {
  constexpr std::size_t kLarge = 4 * 1024 * 1024;
  std::string message(kLarge, '\0');
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<char>(i * 31 >> 3);
  for (const std::size_t part : {std::size_t{1'300}, std::size_t{65'536}, kLarge}) {
    Frames frames;
    for (std::size_t at = 0; at < kLarge; at += part) {
      const bool last = at + part >= kLarge;
      frames.push_back({(last ? kFin : 0) | (at == 0 ? kBinary : kMore), message.substr(at, part)});
    }
    frames.push_back(kGoodbye);
    for (const auto role : {WsRole::client, WsRole::server})
      EXPECT_TRUE(receive(role, frames, 256 * 1024).data == message) << part;
  }
}

}  // namespace
}  // namespace cfpipe::transport
