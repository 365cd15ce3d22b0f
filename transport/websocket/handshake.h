#pragma once

#include <string>
#include <string_view>

namespace cfpipe::transport {

/// A client and an edge that both send this header (value 1) in the upgrade let the client's Close end its
/// own direction only: what the origin still has to say arrives before the edge's Close. The edge's Close,
/// and any Close between others, ends both directions.
inline constexpr const char* kHalfCloseHeader = "Cfpipe-Half-Close";

/// The one version of the protocol (RFC 6455 4.1).
inline constexpr const char* kWebSocketVersion = "13";

/// A fresh Sec-WebSocket-Key (RFC 6455 4.1): base64 of 16 random bytes.
std::string websocket_key();
/// The Sec-WebSocket-Accept that answers a key (RFC 6455 4.2.2).
std::string websocket_accept(std::string_view key);
/// What an answer that opens a WebSocket names although no request of ours asks for it (RFC 6455 4.1): an
/// extension or a subprotocol. Null: neither.
const char* unasked_for(bool extension, bool subprotocol);
/// True if the value has the form of a Sec-WebSocket-Key.
bool is_websocket_key(std::string_view value);

}  // namespace cfpipe::transport
