#pragma once

#include <string>
#include <string_view>

namespace cfpipe::transport {

/// Header (value 1) by which client and edge agree in the upgrade that the client's Close half-closes: bytes
/// of the origin still arrive before the edge's Close. The edge's Close, and any Close without this
/// agreement, ends both directions.
inline constexpr const char* kHalfCloseHeader = "Cfpipe-Half-Close";

/// The one version of the protocol (RFC 6455 4.1).
inline constexpr const char* kWebSocketVersion = "13";

/// A fresh Sec-WebSocket-Key (RFC 6455 4.1): base64 of 16 random bytes.
std::string websocket_key();
/// The Sec-WebSocket-Accept that answers a key (RFC 6455 4.2.2).
std::string websocket_accept(std::string_view key);
/// The fault of an upgrade response that names an extension or subprotocol which was not requested (RFC 6455
/// 4.1); null if it names none.
const char* unasked_for(bool extension, bool subprotocol);
/// True if the value has the form of a Sec-WebSocket-Key.
bool is_websocket_key(std::string_view value);

}  // namespace cfpipe::transport
