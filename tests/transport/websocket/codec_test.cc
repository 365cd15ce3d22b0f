#include "transport/websocket/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>

#include "transport/websocket/handshake.h"

namespace cfpipe::transport {
namespace {

using namespace std::string_literals;

constexpr WsMask kMask = {std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}};

struct Seen {
  bool valid = true;
  std::string why;
  std::string data;
  std::string pings;  // each followed by '|'
  int pongs = 0;
  bool closed = false;
  std::uint16_t code = 0;
  std::string reason;

  friend bool operator==(const Seen&, const Seen&) = default;
};

// Feeds `wire` in pieces that end at the given step.
Seen decode(WsRole role, std::string wire, std::size_t step, std::size_t first = 0) {
  WsDecoder decoder(role);
  Seen seen;
  for (std::size_t at = 0; at < wire.size();) {
    const auto size = std::min(at == 0 && first > 0 ? first : step, wire.size() - at);
    std::vector<tunnel::Slice> payload;
    WsDecoder::Events events;
    seen.valid = decoder.feed(std::as_writable_bytes(std::span(wire)).subspan(at, size), payload, events);
    for (const auto& slice : payload)
      seen.data.append(reinterpret_cast<const char*>(slice.data()), slice.size());
    if (events.ping) seen.pings += events.ping_payload + "|";
    if (events.pong) ++seen.pongs;
    if (events.close) {
      seen.closed = true;
      seen.code = events.close_code;
      seen.reason = events.close_reason;
    }
    if (!seen.valid) {
      seen.why = decoder.why();
      return seen;
    }
    at += size;
  }
  return seen;
}

std::string encoded_frame(std::string payload, WsOpcode opcode, bool masked) {
  std::vector<std::byte> room(kMaxFrameHeader + payload.size());
  std::byte* at = room.data() + kMaxFrameHeader;
  std::copy_n(std::as_bytes(std::span(payload)).begin(), payload.size(), at);
  const auto header = put_frame_header(at, payload.size(), opcode, masked ? &kMask : nullptr);
  if (masked) apply_mask({at, payload.size()}, kMask);
  return {reinterpret_cast<const char*>(at - header), header + payload.size()};
}

// RFC 6455 section 5.7.
const std::string kHello = "\x81\x05Hello"s;
const std::string kHelloMasked = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s;
const std::string kHelloFragmented = "\x01\x03Hel\x80\x02lo"s;
const std::string kPingFrame = "\x89\x05Hello"s;
const std::string kPongMasked = "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s;

TEST(WebSocketCodec, ReadsTheExamplesOfTheRfcInEveryCut) {
  for (std::size_t step = 1; step < 12; ++step) {
    EXPECT_EQ(decode(WsRole::client, kHello, step).data, "Hello");
    EXPECT_EQ(decode(WsRole::server, kHelloMasked, step).data, "Hello");
    EXPECT_EQ(decode(WsRole::client, kHelloFragmented, step).data, "Hello");
    EXPECT_EQ(decode(WsRole::client, kPingFrame, step).pings, "Hello|");
    EXPECT_EQ(decode(WsRole::server, kPongMasked, step).pongs, 1);
  }
  const std::string b256(256, 'b');
  EXPECT_EQ(decode(WsRole::client, "\x82\x7e\x01\x00"s + b256, 1000).data, b256);
  const std::string b64k(65536, 'b');
  EXPECT_EQ(decode(WsRole::client, "\x82\x7f\0\0\0\0\0\1\0\0"s + b64k, 100000).data, b64k);
}

TEST(WebSocketCodec, WritesTheExamplesOfTheRfc) {
  EXPECT_EQ(encoded_frame("Hello", WsOpcode::text, false), kHello);
  EXPECT_EQ(encoded_frame("Hello", WsOpcode::text, true), kHelloMasked);
  EXPECT_EQ(control_frame(WsOpcode::ping, "Hello", nullptr), kPingFrame);
  EXPECT_EQ(control_frame(WsOpcode::pong, "Hello", &kMask), kPongMasked);
}

TEST(WebSocketCodec, UsesTheShortestLengthAtEveryBoundary) {
  struct Row {
    std::size_t size;
    std::size_t header;
  };
  for (const auto& [size, header] : {Row{0, 2}, Row{1, 2}, Row{125, 2}, Row{126, 4}, Row{127, 4},
                                     Row{65535, 4}, Row{65536, 10}, Row{70000, 10}}) {
    for (const bool masked : {false, true}) {
      const std::string payload(size, 'p');
      const auto wire = encoded_frame(payload, WsOpcode::binary, masked);
      EXPECT_EQ(wire.size(), size + header + (masked ? 4 : 0));
      const auto seen = decode(masked ? WsRole::server : WsRole::client, wire, 8192);
      EXPECT_TRUE(seen.valid) << seen.why;
      EXPECT_EQ(seen.data, payload) << size;
    }
  }
}

// RFC 6455 5.3, word for word, at every size around those of words and blocks, wherever the payload lies.
TEST(WebSocketCodec, MasksAsTheTextbookDoes) {
  for (std::size_t size = 0; size < 200; ++size) {
    for (std::size_t phase = 0; phase < 4; ++phase) {
      for (const std::size_t offset : {0U, 1U, 14U}) {
        std::vector<std::byte> room(offset + size + 1);
        for (std::size_t i = 0; i < room.size(); ++i) room[i] = static_cast<std::byte>(i * 7);
        auto expected = room;
        for (std::size_t i = 0; i < size; ++i) expected[offset + i] ^= kMask[(i + phase) % 4];
        apply_mask(std::span(room).subspan(offset, size), kMask, phase);
        ASSERT_EQ(room, expected) << size << ' ' << phase << ' ' << offset;
      }
    }
  }
}

TEST(WebSocketCodec, SeesTheSameWhereverTheBytesAreCut) {
  for (const auto role : {WsRole::client, WsRole::server}) {
    const bool masked = role == WsRole::server;
    const WsMask* mask = masked ? &kMask : nullptr;
    std::string wire = encoded_frame("one", WsOpcode::binary, masked) +
                       control_frame(WsOpcode::ping, "p1", mask) +
                       encoded_frame(std::string(300, 'x'), WsOpcode::text, masked) +
                       encoded_frame("", WsOpcode::binary, masked) + control_frame(WsOpcode::pong, "", mask) +
                       encoded_frame("two", WsOpcode::binary, masked) +
                       control_frame(WsOpcode::close, "\x03\xe8 bye"s, mask);
    const auto whole = decode(role, wire, wire.size());
    EXPECT_EQ(whole.data, "one" + std::string(300, 'x') + "two");
    EXPECT_EQ(whole.code, 1000);
    EXPECT_EQ(whole.reason, " bye");
    for (std::size_t cut = 1; cut < wire.size(); ++cut)
      EXPECT_EQ(decode(role, wire, wire.size(), cut), whole) << cut;
    EXPECT_EQ(decode(role, wire, 1), whole);
  }
}

TEST(WebSocketCodec, TakesControlFramesBetweenFragments) {
  const auto seen = decode(WsRole::client,
                           "\x02\x01"
                           "a"
                           "\x89\x01"
                           "p"
                           "\x00\x01"
                           "b"
                           "\x8a\x00"
                           "\x80\x01"
                           "c"s,
                           1);
  EXPECT_TRUE(seen.valid) << seen.why;
  EXPECT_EQ(seen.data, "abc");
  EXPECT_EQ(seen.pings, "p|");
  EXPECT_EQ(seen.pongs, 1);
}

TEST(WebSocketCodec, NamesEachViolation) {
  struct Row {
    WsRole role;
    std::string wire;
    const char* why;
  };
  const auto C = WsRole::client;
  const auto S = WsRole::server;
  const std::vector<Row> rows = {
      {C, "\xc2\x00"s, "a reserved bit is set"},
      {C, "\xa2\x00"s, "a reserved bit is set"},
      {C, "\x92\x00"s, "a reserved bit is set"},
      {C, "\x83\x00"s, "an unknown opcode"},
      {C, "\x87\x00"s, "an unknown opcode"},
      {C, "\x8b\x00"s, "an unknown opcode"},
      {C, "\x8f\x00"s, "an unknown opcode"},
      {C, "\x82\x80\1\2\3\4"s, "a masked frame"},
      {S, "\x82\x00"s, "a frame without mask"},
      {S, "\x89\x00"s, "a frame without mask"},
      {C, "\x09\x00"s, "a fragmented control frame"},
      {C, "\x08\x00"s, "a fragmented control frame"},
      {C, "\x89\x7e\x00\x7e"s, "a control frame of more than 125 bytes"},
      {C, "\x82\x7e\x00\x7d"s, "a length not in its shortest form"},
      {C, "\x82\x7e\x00\x00"s, "a length not in its shortest form"},
      {C, "\x82\x7f\0\0\0\0\0\0\xff\xff"s, "a length not in its shortest form, or too large"},
      {C, "\x82\x7f\x80\0\0\0\0\1\0\0"s, "a length not in its shortest form, or too large"},
      {C, "\x80\x00"s, "a continuation of nothing"},
      {C, "\x82\x00\x80\x00"s, "a continuation of nothing"},
      {C, "\x02\x00\x82\x00"s, "a new message inside another"},
      {C, "\x88\x01\x03"s, "a Close frame of one byte"},
  };
  for (const auto& row : rows) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{100}}) {
      const auto seen = decode(row.role, row.wire, step);
      EXPECT_FALSE(seen.valid) << row.why;
      EXPECT_EQ(seen.why, row.why);
    }
  }
}

TEST(WebSocketCodec, JudgesCloseCodes) {
  const auto close = [](unsigned code) {
    return decode(WsRole::client, "\x88\x02"s + static_cast<char>(code >> 8) + static_cast<char>(code & 255),
                  100);
  };
  for (const unsigned code :
       {1000U, 1001U, 1002U, 1003U, 1007U, 1011U, 1012U, 1013U, 1014U, 3000U, 4000U, 4999U}) {
    EXPECT_TRUE(close(code).closed) << code;
    EXPECT_EQ(close(code).code, code);
  }
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2000U, 2999U, 5000U, 65535U})
    EXPECT_FALSE(close(code).valid) << code;
  EXPECT_EQ(decode(WsRole::client, "\x88\x00"s, 100).code, 1005);
}

TEST(WebSocketCodec, LooksAtNothingAfterAClose) {
  const auto seen = decode(WsRole::client, "\x88\x00\x82\x01x\xff\xff\xff"s, 3);
  EXPECT_TRUE(seen.valid);
  EXPECT_EQ(seen.data, "");
}

TEST(WebSocketCodec, AnswersOnlyTheLastOfManyPings) {
  const auto seen = decode(WsRole::client,
                           "\x89\x01"
                           "a"
                           "\x89\x01"
                           "b"s,
                           100);
  EXPECT_EQ(seen.pings, "b|");
}

TEST(WebSocketCodec, CutsControlPayloads) {
  EXPECT_EQ(control_frame(WsOpcode::ping, std::string(500, 'p'), nullptr).size(), 2 + kMaxControlPayload);
}

TEST(WebSocketCodec, MasksAsTheNaiveLoopDoes) {
  for (std::size_t size = 0; size < 70; ++size) {
    for (std::size_t phase = 0; phase < 9; ++phase) {
      for (std::size_t offset = 0; offset < 8; ++offset) {  // every alignment
        std::vector<std::byte> room(size + offset), expected(size + offset);
        for (std::size_t i = 0; i < room.size(); ++i) room[i] = expected[i] = static_cast<std::byte>(i * 7);
        for (std::size_t i = 0; i < size; ++i) expected[offset + i] ^= kMask[(i + phase) % 4];
        apply_mask(std::span(room).subspan(offset), kMask, phase);
        ASSERT_EQ(room, expected) << size << ' ' << phase << ' ' << offset;
      }
    }
  }
}

TEST(WebSocketHandshake, AnswersTheKeyOfTheRfc) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketHandshake, MakesAFreshValidKeyEachTime) {
  const auto one = websocket_key();
  EXPECT_TRUE(is_websocket_key(one)) << one;
  EXPECT_NE(one, websocket_key());
}

TEST(WebSocketHandshake, KnowsTheFormOfAKey) {
  EXPECT_TRUE(is_websocket_key("dGhlIHNhbXBsZSBub25jZQ=="));
  for (const char* bad :
       {"", "==", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQAA",
        "dGhlIHNhbXBsZSBub25j\r\n==", "dGhlIHNhbXBsZSBub25jZQ==x", "dGhl IHNhbXBsZSBub25jZ=="})
    EXPECT_FALSE(is_websocket_key(bad)) << bad;
}

}  // namespace
}  // namespace cfpipe::transport
