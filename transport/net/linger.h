#pragma once

#include <chrono>
#include <memory>

#include "transport/net/channel.h"

namespace cfpipe::transport {

/// Keeps a finished channel that resets_on_close() until its peer has closed it or `limit` has passed, and
/// drops what arrives. An immediate close would answer those bytes with a reset, and a reset discards what
/// the peer has not read yet.
void linger(std::unique_ptr<Channel> channel, std::chrono::milliseconds limit);

}  // namespace cfpipe::transport
