#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "transport/net/channel.h"
#include "transport/net/keepalive.h"
#include "transport/websocket/codec.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// Close code (of those for private use, RFC 6455 7.4.2) of an edge that ends a tunnel because whoever it is
/// for has no access any more; the reason says why.
inline constexpr std::uint16_t kAccessEnded = 4003;
/// Largest payload of a message that we send, in bytes: to a peer of ours, and to any other. cloudflared's
/// origin side reads each message into 16 KiB and drops what is left of it (its websocket/connection.go,
/// Conn.Read; cfio/copy.go). With the eight bytes of a masked frame's header it is one TLS record.
inline constexpr std::size_t kOwnMessageBytes = 64 * 1024;
inline constexpr std::size_t kForeignMessageBytes = 16 * 1024 - 8;
/// Plain text decrypted by one fill(), in bytes: small until a bulk stream is seen.
inline constexpr std::size_t kPlainSmall = 32 * 1024;
inline constexpr std::size_t kPlainLarge = 512 * 1024;

/// A tunnel's side that is a WebSocket (RFC 6455), after its handshake. What take() gets is framed,
/// masked in place and handed to the channel from where it lies; what arrives is read once and offered from
/// there. `half_close`: negotiated in the handshake, see kHalfCloseHeader, and with it that the peer is one
/// of ours. `early`: bytes that arrived behind the handshake.
std::unique_ptr<tunnel::Stream> make_websocket_stream(std::unique_ptr<Channel> channel, WsRole role,
                                                      bool half_close, std::span<const std::byte> early,
                                                      const WebSocketTimes& times = {});
/// Has such a stream say in its end, which follows, that we end ourselves (1001), and why.
void go_away(tunnel::Stream& websocket, const std::string& why);

}  // namespace cfpipe::transport
