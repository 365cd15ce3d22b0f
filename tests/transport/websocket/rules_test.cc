// Frames of a peer at the edges of RFC 6455, for both roles: the bytes that get through, the Pongs, and the
// Close that the stream answers with.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <string>
#include <vector>

#include "quiet_channel.h"
#include "transport/websocket/stream.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {
using namespace std::string_literals;
using tunnel::End;
using tunnel::IoStatus;

constexpr std::uint8_t kFin = 0x80;
constexpr std::uint8_t kText = 1, kBinary = 2, kMore = 0, kClose = 8, kPing = 9, kPong = 10;
constexpr std::uint16_t kNormal = 1000;

struct Frame {
  int first;  ///< FIN, RSV and opcode
  std::string payload = {};
};
using Frames = std::vector<Frame>;

std::string wire(const Frames& frames, bool masked) {
  constexpr WsMask kMask = {std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}};
  std::string out;
  for (const auto& [first, payload] : frames) {
    std::vector<std::byte> room(kMaxFrameHeader + payload.size());
    std::byte* const at = room.data() + kMaxFrameHeader;
    std::copy_n(std::as_bytes(std::span(payload)).begin(), payload.size(), at);
    const auto header = put_frame_header(at, payload.size(), WsOpcode::binary, masked ? &kMask : nullptr);
    if (masked) apply_mask({at, payload.size()}, kMask);
    *(at - header) = static_cast<std::byte>(first);
    out.append(reinterpret_cast<const char*>(at - header), header + payload.size());
  }
  return out;
}

std::string code(unsigned value, const std::string& reason = {}) {
  return std::string{static_cast<char>(value >> 8), static_cast<char>(value & 255)} + reason;
}
const Frame kGoodbye = {kFin | kClose, code(kNormal)};

struct Outcome {
  std::string data;
  std::vector<std::string> pongs;
  std::uint16_t close = 0;  ///< the code of our Close; 0: none
  End end = End::open;
};

// What a stream says here is control frames alone (RFC 6455 5.2, 5.5).
void read_controls(std::vector<std::byte>& heard, Outcome& out) {
  constexpr std::size_t kHeader = 2;
  for (std::size_t at = 0; at + kHeader <= heard.size();) {
    const auto opcode = std::to_integer<int>(heard[at] & std::byte{0x0f});
    const bool masked = (heard[at + 1] & std::byte{0x80}) != std::byte{0};
    const auto size = std::to_integer<std::size_t>(heard[at + 1] & std::byte{0x7f});
    at += kHeader;
    WsMask mask{};
    if (masked) std::copy_n(heard.begin() + static_cast<std::ptrdiff_t>(at), mask.size(), mask.begin());
    if (masked) at += mask.size();
    const auto payload = std::span(heard).subspan(at, size);
    apply_mask(payload, mask);
    at += size;
    const std::string text(reinterpret_cast<const char*>(payload.data()), size);
    if (opcode == kPong) out.pongs.push_back(text);
    if (opcode == kClose)
      out.close = static_cast<std::uint16_t>(static_cast<unsigned char>(text.at(0)) << 8 |
                                             static_cast<unsigned char>(text.at(1)));
  }
}

/// What a stream of that role makes of the frames, which come in pieces of `step` bytes.
Outcome receive(WsRole role, const Frames& frames, std::size_t step) {
  net::io_context loop;
  std::vector<std::byte> heard;
  auto made = std::make_unique<testing::QuietChannel>(loop.get_executor(), heard, false);
  auto& channel = *made;
  const auto stream = make_websocket_stream(std::move(made), role, false, {});
  const std::string bytes = wire(frames, role == WsRole::server);
  Outcome out;
  for (std::size_t at = 0; at < bytes.size(); at += std::min(step, bytes.size() - at)) {
    channel.say(std::string_view(bytes).substr(at, step));
    while (stream->fill() == IoStatus::ok) {
      std::size_t size = 0;
      for (const auto& slice : stream->ready()) {
        out.data.append(reinterpret_cast<const char*>(slice.data()), slice.size());
        size += slice.size();
      }
      stream->consume(size);
    }
  }
  out.end = stream->end();
  if (out.end != End::open) stream->finish();
  read_controls(heard, out);
  return out;
}

struct Row {
  const char* name;
  Frames frames;
  std::uint16_t close = kNormal;
  std::string data = {};
  std::vector<std::string> pongs = {};
};

void expect_each(const std::vector<Row>& rows) {
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

// RFC 6455 5.2 and 5.6.
TEST(WebSocketRules, MessagesOfEveryLengthGetThrough) {
  std::vector<Row> rows;
  for (const std::size_t size : {0U, 125U, 126U, 127U, 128U, 65'535U, 65'536U}) {
    const std::string payload(size, '*');
    rows.push_back({"text", {{kFin | kText, payload}, kGoodbye}, kNormal, payload});
    rows.push_back({"binary", {{kFin | kBinary, payload}, kGoodbye}, kNormal, payload});
  }
  expect_each(rows);
}

// RFC 6455 5.5.2 and 5.5.3.
TEST(WebSocketRules, PingsAreAnsweredWithWhatTheyCarry) {
  const std::string most(125, '\xfe');
  expect_each({
      {"an empty one", {{kFin | kPing}, kGoodbye}, kNormal, "", {""}},
      {"text", {{kFin | kPing, "Hello"}, kGoodbye}, kNormal, "", {"Hello"}},
      {"bytes", {{kFin | kPing, "\x00\xff\xfe\xfd"s}, kGoodbye}, kNormal, "", {"\x00\xff\xfe\xfd"s}},
      {"125 bytes", {{kFin | kPing, most}, kGoodbye}, kNormal, "", {most}},
      {"126 bytes", {{kFin | kPing, most + "x"}, {kFin | kPing}}, kProtocolErrorCode},
      {"a Pong that was not asked for", {{kFin | kPong}, kGoodbye}},
      {"a Pong that carries something", {{kFin | kPong, "Hello"}, kGoodbye}},
      {"a Pong, then a Ping", {{kFin | kPong, "x"}, {kFin | kPing, "y"}, kGoodbye}, kNormal, "", {"y"}},
      {"several",
       {{kFin | kPing, "1"}, {kFin | kPing, "2"}, {kFin | kPing, "3"}, kGoodbye},
       kNormal,
       "",
       {"1", "2", "3"}},
  });
}

// RFC 6455 5.2: no extension gives them a meaning.
TEST(WebSocketRules, ReservedBitsAndOpcodesEndTheConnection) {
  std::vector<Row> rows;
  const Frame hello = {kFin | kText, "Hello"};
  for (int reserved = 0x10; reserved <= 0x70; reserved += 0x10) {
    for (const int opcode : {kText, kBinary, kPing, kPong, kClose})
      rows.push_back({"a reserved bit",
                      {hello, {kFin | reserved | opcode, "*"}, {kFin | kPing}},
                      kProtocolErrorCode,
                      "Hello"});
  }
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    rows.push_back(
        {"a reserved opcode", {hello, {kFin | opcode}, {kFin | kPing}}, kProtocolErrorCode, "Hello"});
    rows.push_back(
        {"and a payload", {hello, {kFin | opcode, "*"}, {kFin | kPing}}, kProtocolErrorCode, "Hello"});
  }
  expect_each(rows);
}

// RFC 6455 5.4.
TEST(WebSocketRules, FragmentsMakeOneMessageAndNothingElse) {
  const Frame begin = {kText, "frag1"};
  const Frame end = {kFin | kMore, "frag2"};
  const Frame whole = {kFin | kText, "whole"};
  expect_each({
      {"two", {begin, end, kGoodbye}, kNormal, "frag1frag2"},
      {"a Ping in between", {begin, {kFin | kPing, "p"}, end, kGoodbye}, kNormal, "frag1frag2", {"p"}},
      {"three of nothing", {{kText}, {kMore}, {kFin | kMore}, kGoodbye}},
      {"nothing around something", {{kText}, {kMore, "x"}, {kFin | kMore}, kGoodbye}, kNormal, "x"},
      {"a Ping in two", {{kPing, "a"}, {kFin | kMore, "b"}}, kProtocolErrorCode},
      {"a Pong in two", {{kPong, "a"}, {kFin | kMore, "b"}}, kProtocolErrorCode},
      {"a Close in two", {{kClose, code(kNormal)}, {kFin | kMore}}, kProtocolErrorCode},
      {"an end of nothing", {{kFin | kMore, "x"}, whole}, kProtocolErrorCode},
      {"a part of nothing", {{kMore, "x"}, whole}, kProtocolErrorCode},
      {"a part behind the end", {begin, end, {kMore, "x"}, whole}, kProtocolErrorCode, "frag1frag2"},
      {"an end behind the end", {begin, end, {kFin | kMore, "x"}, whole}, kProtocolErrorCode, "frag1frag2"},
      {"a message in a message", {begin, {kFin | kText, "frag2"}}, kProtocolErrorCode, "frag1"},
      {"a Close in a message", {begin, kGoodbye, end}, kNormal, "frag1"},
  });
}

// A tunnel carries bytes: a text message is taken for what it holds, and is not checked (RFC 6455 8.1 is
// about endpoints that interpret it).
TEST(WebSocketRules, TextIsTakenAsBytes) {
  const std::string valid = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
  const std::string invalid = valid +
                              "\xed\xa0\x80"
                              "edited";
  Frames in_bytes;
  for (std::size_t i = 0; i < valid.size(); ++i)
    in_bytes.push_back({(i + 1 == valid.size() ? kFin : 0) | (i == 0 ? kText : kMore), valid.substr(i, 1)});
  in_bytes.push_back(kGoodbye);
  expect_each({
      {"valid", {{kFin | kText, valid}, kGoodbye}, kNormal, valid},
      {"in fragments of one byte", in_bytes, kNormal, valid},
      {"invalid", {{kFin | kText, invalid}, kGoodbye}, kNormal, invalid},
  });
}

// RFC 6455 5.5.1 and 7.4.
TEST(WebSocketRules, ClosesAreAnsweredAndNothingFollowsThem) {
  const Frame hello = {kFin | kText, "Hello"};
  std::vector<Row> rows = {
      {"a message in front", {hello, kGoodbye}, kNormal, "Hello"},
      {"two", {kGoodbye, kGoodbye}},
      {"a Ping behind", {kGoodbye, {kFin | kPing}}},
      {"a message behind", {kGoodbye, hello}},
      {"nonsense behind", {kGoodbye, {0x7f, "x"}}},
      {"no code", {{kFin | kClose}}},
      {"half a code", {{kFin | kClose, "a"}}, kProtocolErrorCode},
      {"a reason", {{kFin | kClose, code(kNormal, "Hello World!")}}},
      {"a reason of 123 bytes", {{kFin | kClose, code(kNormal, std::string(123, '*'))}}},
      {"a reason of 124 bytes", {{kFin | kClose, code(kNormal, std::string(124, '*'))}}, kProtocolErrorCode},
      {"a reason that is not UTF-8",
       {{kFin | kClose, code(kNormal,
                             "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"
                             "edited")}},
       kInvalidDataCode},
  };
  for (const unsigned bad :
       {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65'535U})
    rows.push_back({"a code that nobody may send", {{kFin | kClose, code(bad)}}, kProtocolErrorCode});
  expect_each(rows);
}

TEST(WebSocketRules, EveryCodeThatMayBeSentIsAnsweredInPeace) {
  for (const auto role : {WsRole::client, WsRole::server}) {
    for (const unsigned good : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U, 1013U,
                                1014U, 3000U, 3999U, 4000U, 4999U}) {
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
