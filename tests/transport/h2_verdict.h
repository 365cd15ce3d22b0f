#pragma once

#include <cstdint>
#include <map>
#include <string>

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

/// What a server did.
struct Verdict {
  bool alive = false;                    ///< it answers a PING
  int connection = -1;                   ///< code of a GOAWAY
  std::map<std::uint32_t, int> streams;  ///< codes of RST_STREAM
};

inline Verdict verdict_of(const std::string& wire) {
  const auto value = [&](std::size_t at, std::size_t bytes) {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < bytes; ++i) out = out << 8 | static_cast<unsigned char>(wire.at(at + i));
    return out;
  };
  Verdict out;
  for (std::size_t at = 0; at + 9 <= wire.size();) {
    const auto size = value(at, 3);
    const auto type = static_cast<std::uint8_t>(wire[at + 3]);
    const auto flags = static_cast<std::uint8_t>(wire[at + 4]);
    if (type == kReset) out.streams[value(at + 5, 4)] = static_cast<int>(value(at + 9, 4));
    if (type == kGoAway) out.connection = static_cast<int>(value(at + 13, 4));
    if (type == kPing && (flags & kAck) != 0 && wire.substr(at + 9, size) == kPingPayload) out.alive = true;
    at += 9 + size;
  }
  return out;
}

}  // namespace cfpipe::testing
