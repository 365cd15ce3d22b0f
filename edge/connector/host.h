#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "edge/connector/attach_record.h"
#include "edge/connector/link.h"
#include "edge/connector/registry.h"
#include "edge/http/request_handler.h"
#include "transport/http2/connection.h"
#include "transport/net/socket_channel.h"
#include "tunnel/relay.h"
#include "tunnel/stream.h"

namespace cfpipe::edge {

/// How soon a connector that has gone is known to have.
inline constexpr std::chrono::milliseconds kConnectorPing{5'000};
inline constexpr std::chrono::milliseconds kConnectorDead{10'000};
/// How long a process that ends keeps its connectors for requests on connections that it has taken already.
inline constexpr std::chrono::milliseconds kLateTunnels{500};

/// A connection of a connector from its upgrade to its end, on the loop that accepted it: HTTP/2, of which
/// the edge is the client.
class ConnectorHost final : public LinkHost {
 public:
  /// `early`: what the connector has sent behind its request. `since`: Unix seconds.
  ConnectorHost(std::unique_ptr<transport::SocketChannel> channel, AttachGrant grant, std::string peer,
                std::int64_t since, std::span<const std::byte> early);
  ~ConnectorHost() override;
  ConnectorHost(const ConnectorHost&) = delete;
  ConnectorHost& operator=(const ConnectorHost&) = delete;

  /// Serves until the connection has ended, and the loops of its tunnels have all that came through it.
  boost::asio::awaitable<void> run();
  /// Takes no further tunnels, and asks the connector to attach anew; the connection is over when the last
  /// tunnel has ended.
  void drain();
  /// The same, kLateTunnels from now.
  void drain_soon();
  /// Ends it at once.
  void stop();

  const std::shared_ptr<transport::H2Connection>& connection() const override { return connection_; }
  void end(const std::string& why) override;
  void join(std::unique_ptr<tunnel::Stream> pipe, std::unique_ptr<tunnel::Stream> stream,
            std::shared_ptr<const void> tunnel) override;

 private:
  struct Joint;
  std::string reason() const;

  const std::shared_ptr<transport::H2Connection> connection_;
  const std::shared_ptr<ConnectorRegistry> registry_;
  std::shared_ptr<AttachRecord> record_;  ///< null: there is none, or it was given up
  const std::shared_ptr<ConnectorLink> link_;
  std::set<std::unique_ptr<Joint>> joints_;  ///< at most one for each stream
  boost::asio::steady_timer joints_timer_;
  boost::asio::steady_timer drain_timer_;
  bool draining_ = false;
  bool stopped_ = false;
  std::string ended_;  ///< why, if an administrator has
};

}  // namespace cfpipe::edge
