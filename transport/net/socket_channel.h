#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "transport/net/channel.h"

namespace cfpipe::transport {

/// A channel that has a connected socket for itself and collects what is written for it: what the streams of
/// HTTP/2 can share.
class SocketChannel : public Channel {
 public:
  /// Bytes as the socket takes them: held here; all there were, held or sent.
  virtual std::size_t held() const = 0;
  virtual std::uint64_t queued() const = 0;
  virtual boost::asio::ip::tcp::socket& socket() = 0;
  /// Once reading or writing has failed: why the peer has refused this side, if its protocol can tell.
  virtual std::optional<Failure> refusal() { return std::nullopt; }
};

}  // namespace cfpipe::transport
