#pragma once

#include <cstdint>

namespace cfpipe::transport {

/// Error codes of RFC 9113 7 that mean something here.
inline constexpr std::uint32_t kH2NoError = 0x0;
inline constexpr std::uint32_t kH2ProtocolError = 0x1;
inline constexpr std::uint32_t kH2StreamClosed = 0x5;
inline constexpr std::uint32_t kH2RefusedStream = 0x7;
inline constexpr std::uint32_t kH2Cancel = 0x8;

}  // namespace cfpipe::transport
