#pragma once

#include <optional>

#include "transport/net/keepalive.h"

namespace cfpipe::transport {

/// What the system knows of this TCP socket's peer.
std::optional<TcpSigns> tcp_signs(int fd);

}  // namespace cfpipe::transport
