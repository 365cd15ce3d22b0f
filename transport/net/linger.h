#pragma once

#include <chrono>
#include <memory>

#include "transport/net/channel.h"

namespace cfpipe::transport {

/// Keeps a channel that resets_on_close(), on which everything has been said, until its peer has closed it,
/// or `limit` has passed; what still arrives is dropped. To close it at once would answer that with a reset,
/// and a reset takes along what the peer's system holds and the peer has not read yet.
void linger(std::unique_ptr<Channel> channel, std::chrono::milliseconds limit);

}  // namespace cfpipe::transport
