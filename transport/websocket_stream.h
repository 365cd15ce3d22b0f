#pragma once

#include <chrono>
#include <memory>
#include <span>

#include "transport/channel.h"
#include "transport/websocket_codec.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// Times of a standing WebSocket. A ping leaves after kPingEvery without a byte from the peer; without one
/// for kPeerSilent, while we are ready to read, the peer counts as dead. kCloseReply: how long after our
/// Close its answer may take.
inline constexpr std::chrono::seconds kPingEvery{20};
inline constexpr std::chrono::seconds kPeerSilent{42};
inline constexpr std::chrono::seconds kCloseReply{5};
/// Plain text decrypted by one fill(), in bytes: small until a bulk stream is seen.
inline constexpr std::size_t kPlainSmall = 32 * 1024;
inline constexpr std::size_t kPlainLarge = 512 * 1024;

/// A tunnel's side that is a WebSocket (RFC 6455), after its handshake. What take() gets is framed,
/// masked in place and handed to the channel from where it lies; what arrives is read once and offered from
/// there. `half_close`: negotiated in the handshake, see kHalfCloseHeader. `early`: bytes that arrived behind
/// the handshake.
std::unique_ptr<tunnel::Stream> make_websocket_stream(std::unique_ptr<Channel> channel, WsRole role,
                                                      bool half_close, std::span<const std::byte> early);

}  // namespace cfpipe::transport
