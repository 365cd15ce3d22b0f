#pragma once

#include <memory>

#include "transport/net/channel.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// The bytes of a channel as one side of a tunnel, as they are: a CONNECT of HTTP/2 (RFC 9113 8.5), whose
/// directions end one by one. A channel that ends otherwise, or is closed before both have, is cut. `kept`
/// lives as long as the stream.
std::unique_ptr<tunnel::Stream> make_channel_stream(std::unique_ptr<Channel> channel,
                                                    std::shared_ptr<const void> kept = nullptr);

}  // namespace cfpipe::transport
