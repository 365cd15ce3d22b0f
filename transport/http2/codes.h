#pragma once

#include <cstdint>
#include <string_view>

namespace cfpipe::transport {

/// Error codes of RFC 9113 7 that mean something here.
inline constexpr std::uint32_t kH2NoError = 0x0;
inline constexpr std::uint32_t kH2ProtocolError = 0x1;
inline constexpr std::uint32_t kH2StreamClosed = 0x5;
inline constexpr std::uint32_t kH2RefusedStream = 0x7;
inline constexpr std::uint32_t kH2Cancel = 0x8;

/// What a client sends first (RFC 9113 3.4).
inline constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace cfpipe::transport
