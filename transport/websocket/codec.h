#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tunnel/stream.h"

namespace cfpipe::transport {

/// Our role in a WebSocket: a client masks what it sends and must not receive masked frames (RFC
/// 6455 5.1).
enum class WsRole { client, server };

enum class WsOpcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Bytes of the largest frame header, and of the largest control payload (RFC 6455 5.2, 5.5).
inline constexpr std::size_t kMaxFrameHeader = 14;
inline constexpr std::size_t kMaxControlPayload = 125;

/// Close codes (RFC 6455 7.4.1): a violation of the protocol, and text that is not what its type says.
inline constexpr std::uint16_t kProtocolErrorCode = 1002;
inline constexpr std::uint16_t kInvalidDataCode = 1007;

using WsMask = std::array<std::byte, 4>;

/// Applies the mask (RFC 6455 5.3) in place, eight bytes at a time. `phase` is how many bytes of this payload
/// came before.
void apply_mask(std::span<std::byte> payload, WsMask mask, std::size_t phase = 0);

/// Writes the header of a final, unfragmented frame so that it ends at `payload`; a mask means a masked
/// frame. There must be kMaxFrameHeader bytes before `payload`. Returns the header's size. The payload is not
/// touched.
std::size_t put_frame_header(std::byte* payload, std::size_t payload_size, WsOpcode opcode,
                             const WsMask* mask);

/// A whole control frame; `payload` is cut at kMaxControlPayload.
std::string control_frame(WsOpcode opcode, std::string_view payload, const WsMask* mask);

/// Parser of incoming frames, however they are cut (RFC 6455 5). Sans-IO: works in the caller's memory.
class WsDecoder {
 public:
  explicit WsDecoder(WsRole role) : role_(role) {}

  /// What one feed() saw besides data. Bounded: of several pings only the last is kept, which RFC 6455 5.5.3
  /// allows.
  struct Events {
    bool ping = false;
    bool pong = false;
    bool close = false;
    std::string ping_payload;
    std::uint16_t close_code = 1005;  ///< 1005: the frame held none
    std::string close_reason;
  };

  /// Takes all of `in`. Payload of data messages (text counts as binary, as the public client has it) is
  /// unmasked in place and its slices appended to `payload`. False on a protocol violation, which why()
  /// names; nothing after it is looked at, and nothing after a Close frame is either.
  bool feed(std::span<std::byte> in, std::vector<tunnel::Slice>& payload, Events& events);
  const char* why() const { return why_; }
  /// The code that a Close answers the violation with (RFC 6455 7.4.1).
  std::uint16_t violation_code() const { return violation_code_; }

 private:
  bool violation(const char* why, std::uint16_t code = kProtocolErrorCode);
  std::size_t header_size() const;
  bool parse_header();
  bool end_of_control(Events& events);

  WsRole role_;
  const char* why_ = "";
  std::uint16_t violation_code_ = kProtocolErrorCode;
  std::array<std::byte, kMaxFrameHeader> header_{};
  std::size_t header_have_ = 0;
  bool in_payload_ = false;
  bool in_message_ = false;  ///< a data message has begun and its final frame has not
  bool final_ = false;
  bool closed_ = false;
  WsOpcode opcode_ = WsOpcode::binary;
  WsMask mask_{};
  bool masked_ = false;
  std::uint64_t left_ = 0;  ///< payload bytes of the current frame still to come
  std::uint64_t seen_ = 0;  ///< payload bytes of it that have come: the mask's phase
  std::string control_;
};

}  // namespace cfpipe::transport
