#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transport/websocket/codec.h"

// Frames of a peer at the edges of RFC 6455, for an end of either role, and what an end makes of them.
namespace cfpipe::testing::ws {
inline constexpr std::uint8_t kFin = 0x80;
inline constexpr std::uint8_t kText = 1, kBinary = 2, kMore = 0, kClose = 8, kPing = 9, kPong = 10;
inline constexpr std::uint16_t kNormal = 1000;

struct Frame {
  int first;  ///< FIN, RSV and opcode
  std::string payload = {};
};
using Frames = std::vector<Frame>;

inline std::string wire(const Frames& frames, bool masked) {
  constexpr transport::WsMask kMask = {std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}};
  std::string out;
  for (const auto& [first, payload] : frames) {
    std::vector<std::byte> room(transport::kMaxFrameHeader + payload.size());
    std::byte* const at = room.data() + transport::kMaxFrameHeader;
    std::copy_n(std::as_bytes(std::span(payload)).begin(), payload.size(), at);
    const auto header = transport::put_frame_header(at, payload.size(), transport::WsOpcode::binary,
                                                    masked ? &kMask : nullptr);
    if (masked) transport::apply_mask({at, payload.size()}, kMask);
    *(at - header) = static_cast<std::byte>(first);
    out.append(reinterpret_cast<const char*>(at - header), header + payload.size());
  }
  return out;
}

inline std::string code(unsigned value, const std::string& reason = {}) {
  return std::string{static_cast<char>(value >> 8), static_cast<char>(value & 255)} + reason;
}
inline const Frame kGoodbye = {kFin | kClose, code(kNormal)};

/// What an end of ours has written.
struct Heard {
  std::string data;
  std::vector<std::string> pongs;
  std::uint16_t close = 0;  ///< the code of its Close; 0: none
  std::size_t used = 0;     ///< bytes of whole frames
};

/// Of those bytes, the whole frames.
inline Heard heard_frames(std::string_view heard) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(heard[at]); };
  Heard out;
  for (;;) {
    std::size_t at = out.used;
    if (heard.size() < at + 2) return out;
    const int opcode = byte(at) & 0x0f;
    const bool masked = (byte(at + 1) & 0x80) != 0;
    std::uint64_t size = byte(at + 1) & 0x7f;
    transport::WsMask mask{};
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    at += 2;
    if (heard.size() < at + more + (masked ? mask.size() : 0)) return out;
    if (more > 0) size = 0;
    for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte(at + i);
    at += more;
    if (masked) std::copy_n(std::as_bytes(std::span(heard)).subspan(at).begin(), mask.size(), mask.begin());
    if (masked) at += mask.size();
    if (heard.size() - at < size) return out;
    std::string payload(heard.substr(at, size));
    if (masked) transport::apply_mask(std::as_writable_bytes(std::span(payload)), mask);
    out.used = at + size;
    if (opcode == kPong) out.pongs.push_back(payload);
    if (opcode == kText || opcode == kBinary || opcode == kMore) out.data += payload;
    if (opcode == kClose && payload.size() >= 2)
      out.close = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                             static_cast<unsigned char>(payload[1]));
  }
}

struct Row {
  const char* name;
  Frames frames;
  std::uint16_t close = kNormal;
  std::string data = {};
  std::vector<std::string> pongs = {};
};

/// Codes that may be sent (RFC 6455 7.4 and the IANA registry).
inline constexpr unsigned kGoodCodes[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010,
                                          1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999};

/// RFC 6455 5.2 and 5.6.
inline std::vector<Row> messages_of_every_length() {
  std::vector<Row> rows;
  for (const std::size_t size : {0U, 125U, 126U, 127U, 128U, 65'535U, 65'536U}) {
    const std::string payload(size, '*');
    rows.push_back({"text", {{kFin | kText, payload}, kGoodbye}, kNormal, payload});
    rows.push_back({"binary", {{kFin | kBinary, payload}, kGoodbye}, kNormal, payload});
  }
  return rows;
}

/// RFC 6455 5.5.2 and 5.5.3.
inline std::vector<Row> pings() {
  using namespace std::string_literals;
  const std::string most(125, '\xfe');
  return {
      {"an empty one", {{kFin | kPing}, kGoodbye}, kNormal, "", {""}},
      {"text", {{kFin | kPing, "Hello"}, kGoodbye}, kNormal, "", {"Hello"}},
      {"bytes", {{kFin | kPing, "\x00\xff\xfe\xfd"s}, kGoodbye}, kNormal, "", {"\x00\xff\xfe\xfd"s}},
      {"125 bytes", {{kFin | kPing, most}, kGoodbye}, kNormal, "", {most}},
      {"126 bytes", {{kFin | kPing, most + "x"}, {kFin | kPing}}, transport::kProtocolErrorCode},
      {"a Pong that was not asked for", {{kFin | kPong}, kGoodbye}},
      {"a Pong that carries something", {{kFin | kPong, "Hello"}, kGoodbye}},
      {"a Pong, then a Ping", {{kFin | kPong, "x"}, {kFin | kPing, "y"}, kGoodbye}, kNormal, "", {"y"}},
      {"several",
       {{kFin | kPing, "1"}, {kFin | kPing, "2"}, {kFin | kPing, "3"}, kGoodbye},
       kNormal,
       "",
       {"1", "2", "3"}},
  };
}

/// RFC 6455 5.2: no extension gives them a meaning.
inline std::vector<Row> reserved_bits_and_opcodes() {
  std::vector<Row> rows;
  const Frame hello = {kFin | kText, "Hello"};
  for (int reserved = 0x10; reserved <= 0x70; reserved += 0x10) {
    for (const int opcode : {kText, kBinary, kPing, kPong, kClose})
      rows.push_back({"a reserved bit",
                      {hello, {kFin | reserved | opcode, "*"}, {kFin | kPing}},
                      transport::kProtocolErrorCode,
                      "Hello"});
  }
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    rows.push_back({"a reserved opcode",
                    {hello, {kFin | opcode}, {kFin | kPing}},
                    transport::kProtocolErrorCode,
                    "Hello"});
    rows.push_back({"and a payload",
                    {hello, {kFin | opcode, "*"}, {kFin | kPing}},
                    transport::kProtocolErrorCode,
                    "Hello"});
  }
  return rows;
}

/// RFC 6455 5.4.
inline std::vector<Row> fragments() {
  const Frame begin = {kText, "frag1"};
  const Frame end = {kFin | kMore, "frag2"};
  const Frame whole = {kFin | kText, "whole"};
  return {
      {"two", {begin, end, kGoodbye}, kNormal, "frag1frag2"},
      {"a Ping in between", {begin, {kFin | kPing, "p"}, end, kGoodbye}, kNormal, "frag1frag2", {"p"}},
      {"three of nothing", {{kText}, {kMore}, {kFin | kMore}, kGoodbye}},
      {"nothing around something", {{kText}, {kMore, "x"}, {kFin | kMore}, kGoodbye}, kNormal, "x"},
      {"a Ping in two", {{kPing, "a"}, {kFin | kMore, "b"}}, transport::kProtocolErrorCode},
      {"a Pong in two", {{kPong, "a"}, {kFin | kMore, "b"}}, transport::kProtocolErrorCode},
      {"a Close in two", {{kClose, code(kNormal)}, {kFin | kMore}}, transport::kProtocolErrorCode},
      {"an end of nothing", {{kFin | kMore, "x"}, whole}, transport::kProtocolErrorCode},
      {"a part of nothing", {{kMore, "x"}, whole}, transport::kProtocolErrorCode},
      {"a part behind the end",
       {begin, end, {kMore, "x"}, whole},
       transport::kProtocolErrorCode,
       "frag1frag2"},
      {"an end behind the end",
       {begin, end, {kFin | kMore, "x"}, whole},
       transport::kProtocolErrorCode,
       "frag1frag2"},
      {"a message in a message", {begin, {kFin | kText, "frag2"}}, transport::kProtocolErrorCode, "frag1"},
      {"a Close in a message", {begin, kGoodbye, end}, kNormal, "frag1"},
  };
}

/// A tunnel carries bytes: a text message is taken for what it holds, and is not checked (RFC 6455 8.1 is
/// about endpoints that interpret it).
inline std::vector<Row> texts() {
  const std::string valid = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
  const std::string invalid = valid +
                              "\xed\xa0\x80"
                              "edited";
  Frames in_bytes;
  for (std::size_t i = 0; i < valid.size(); ++i)
    in_bytes.push_back({(i + 1 == valid.size() ? kFin : 0) | (i == 0 ? kText : kMore), valid.substr(i, 1)});
  in_bytes.push_back(kGoodbye);
  return {
      {"valid", {{kFin | kText, valid}, kGoodbye}, kNormal, valid},
      {"in fragments of one byte", in_bytes, kNormal, valid},
      {"invalid", {{kFin | kText, invalid}, kGoodbye}, kNormal, invalid},
  };
}

/// RFC 6455 5.5.1 and 7.4.
inline std::vector<Row> closes() {
  const Frame hello = {kFin | kText, "Hello"};
  std::vector<Row> rows = {
      {"a message in front", {hello, kGoodbye}, kNormal, "Hello"},
      {"two", {kGoodbye, kGoodbye}},
      {"a Ping behind", {kGoodbye, {kFin | kPing}}},
      {"a message behind", {kGoodbye, hello}},
      {"nonsense behind", {kGoodbye, {0x7f, "x"}}},
      {"no code", {{kFin | kClose}}},
      {"half a code", {{kFin | kClose, "a"}}, transport::kProtocolErrorCode},
      {"a reason", {{kFin | kClose, code(kNormal, "Hello World!")}}},
      {"a reason of 123 bytes", {{kFin | kClose, code(kNormal, std::string(123, '*'))}}},
      {"a reason of 124 bytes",
       {{kFin | kClose, code(kNormal, std::string(124, '*'))}},
       transport::kProtocolErrorCode},
      {"a reason that is not UTF-8",
       {{kFin | kClose, code(kNormal,
                             "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"
                             "edited")}},
       transport::kInvalidDataCode},
  };
  for (const unsigned bad :
       {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65'535U})
    rows.push_back(
        {"a code that may not be sent", {{kFin | kClose, code(bad)}}, transport::kProtocolErrorCode});
  return rows;
}

}  // namespace cfpipe::testing::ws
