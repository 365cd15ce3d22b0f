#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "transport/net/channel.h"
#include "transport/net/keepalive.h"
#include "transport/websocket/codec.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// Close code (private use, RFC 6455 7.4.2) of an edge that ends a tunnel because its user's access was
/// revoked; the reason says why.
inline constexpr std::uint16_t kAccessEnded = 4003;
/// Largest payload of a sent message, in bytes: to cfpipe's own peers, and to others. cloudflared's
/// origin side reads each message into 16 KiB and drops what is left of it (its websocket/connection.go,
/// Conn.Read; cfio/copy.go). With the eight bytes of a masked frame's header it is one TLS record.
inline constexpr std::size_t kOwnMessageBytes = 64 * 1024;
inline constexpr std::size_t kForeignMessageBytes = 16 * 1024 - 8;
/// Plain text decrypted by one fill(), in bytes: small until a bulk stream is seen.
inline constexpr std::size_t kPlainSmall = 32 * 1024;
inline constexpr std::size_t kPlainLarge = 512 * 1024;

/// The WebSocket side of a tunnel (RFC 6455), after its handshake. Payload is framed and masked in place,
/// without copies. `half_close`: negotiated in the handshake, see kHalfCloseHeader, and with it that the peer
/// is one of ours. `early`: bytes that arrived behind the handshake.
std::unique_ptr<tunnel::Stream> make_websocket_stream(std::unique_ptr<Channel> channel, WsRole role,
                                                      bool half_close, std::span<const std::byte> early,
                                                      const WebSocketTimes& times = {});

}  // namespace cfpipe::transport
