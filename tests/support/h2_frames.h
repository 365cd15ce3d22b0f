#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace cfpipe::testing {

/// Types and flags of HTTP/2 frames (RFC 9113 6).
inline constexpr std::uint8_t kData = 0, kHeaders = 1, kPriority = 2, kReset = 3, kSettings = 4, kPush = 5,
                              kPing = 6, kGoAway = 7, kWindow = 8, kContinuation = 9;
inline constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8, kHasPriority = 32;

/// What a client says first (RFC 9113 3.4).
inline const std::string kMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A number of `bytes` bytes, big-endian.
inline std::string number(std::uint64_t value, int bytes) {
  std::string out;
  for (int at = bytes - 1; at >= 0; --at) out += static_cast<char>((value >> (8 * at)) & 0xff);
  return out;
}

/// A frame, whatever its payload (RFC 9113 4.1).
inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         const std::string& payload) {
  return number(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + number(stream, 4) +
         payload;
}

}  // namespace cfpipe::testing
