#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "support/h2_frames.h"

namespace cfpipe::testing {

/// Error codes (RFC 9113 7); kOk: none.
inline constexpr int kOk = -1;
inline constexpr int kProtocol = 1, kFlowControl = 3, kClosed = 5, kFrameSize = 6, kRefused = 7,
                     kCompression = 9;

/// `:method GET, :scheme https, :path /` by the static table (RFC 7541 A), `:authority vm`.
inline const std::string kGet = "\x82\x87\x84\x41\x02vm";
inline const std::string kPost = "\x83\x87\x84\x41\x02vm";
inline const std::string kTenBytes =
    "\x0f\x0d\x02"
    "10";  // content-length, not indexed
inline const std::string kPingPayload = "12345678";

inline std::string head(std::uint32_t stream, const std::string& block = kGet,
                        std::uint8_t flags = kEndStream | kEndHeaders) {
  return frame(kHeaders, flags, stream, block);
}
inline std::string field(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + number(name.size(), 1) + name + number(value.size(), 1) + value;
}
inline std::string setting(std::uint16_t name, std::uint32_t value) {
  return frame(kSettings, 0, 0, number(name, 2) + number(value, 4));
}
inline std::string window(std::uint32_t stream, std::uint32_t more) {
  return frame(kWindow, 0, stream, number(more, 4));
}
inline std::string reset(std::uint32_t stream, std::uint32_t code = 8) {
  return frame(kReset, 0, stream, number(code, 4));
}
inline std::string priority(std::uint32_t stream, std::uint32_t parent, char weight = 0) {
  return frame(kPriority, 0, stream, number(parent, 4) + weight);
}

struct HeardFrame {
  std::uint8_t type, flags;
  std::uint32_t stream;
  std::string payload;
};

/// The whole frames that an end has written, of a client those behind its preface.
inline std::vector<HeardFrame> frames_of(const std::string& wire) {
  constexpr std::size_t kHeader = 9;
  const auto value = [&](std::size_t at, std::size_t bytes) {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < bytes; ++i) out = out << 8 | static_cast<unsigned char>(wire.at(at + i));
    return out;
  };
  std::vector<HeardFrame> out;
  for (std::size_t at = wire.starts_with(kMagic) ? kMagic.size() : 0; at + kHeader <= wire.size();) {
    const auto size = value(at, 3);
    if (at + kHeader + size > wire.size()) break;
    out.push_back({static_cast<std::uint8_t>(wire[at + 3]), static_cast<std::uint8_t>(wire[at + 4]),
                   value(at + 5, 4), wire.substr(at + kHeader, size)});
    at += kHeader + size;
  }
  return out;
}

/// What an end made of its peer's frames.
struct Verdict {
  bool alive = false;                    ///< it answers a PING that carries kPingPayload
  int connection = -1;                   ///< code of a GOAWAY
  std::map<std::uint32_t, int> streams;  ///< codes of RST_STREAM
};

inline Verdict verdict_of(const std::string& wire) {
  const auto code = [](const HeardFrame& frame, std::size_t at) {
    return static_cast<int>(static_cast<unsigned char>(frame.payload.at(at + 3)));
  };
  Verdict out;
  for (const auto& frame : frames_of(wire)) {
    if (frame.type == kReset) out.streams[frame.stream] = code(frame, 0);
    if (frame.type == kGoAway) out.connection = code(frame, 4);
    if (frame.type == kPing && (frame.flags & kAck) != 0 && frame.payload == kPingPayload) out.alive = true;
  }
  return out;
}

enum class Scope { none, stream, connection };

/// Frames, and the error that they are.
struct H2Row {
  const char* name;
  std::string frames;
  Scope scope;
  int code = kOk;
  std::uint32_t stream = 1;
};

inline void expect_verdict(const H2Row& row, const Verdict& verdict) {
  if (row.scope == Scope::none) {
    EXPECT_TRUE(verdict.alive) << row.name;
    EXPECT_EQ(verdict.connection, kOk) << row.name;
    EXPECT_TRUE(verdict.streams.empty()) << row.name;
  } else if (row.scope == Scope::connection) {
    EXPECT_EQ(verdict.connection, row.code) << row.name;
    EXPECT_FALSE(verdict.alive) << row.name;
  } else if (verdict.connection != row.code) {  // which a stream error may be, too (RFC 9113 5.4.2)
    const auto found = verdict.streams.find(row.stream);
    EXPECT_TRUE(found != verdict.streams.end() && found->second == row.code) << row.name;
    EXPECT_TRUE(verdict.alive) << row.name;
  }
}

}  // namespace cfpipe::testing
