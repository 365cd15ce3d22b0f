#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "edge/connector/registry.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge {

/// How long a tunnel waits for its connector to attach: one that does so anew after a restart of the edge is
/// back within that time.
inline constexpr std::chrono::milliseconds kAttachWait{3'000};
/// How long a connector may take to reach an origin: its own limit is kOriginDeadline.
inline constexpr std::chrono::milliseconds kConnectorDeadline = kOriginDeadline + std::chrono::seconds(5);
/// Connections that are tried, one after the other, where a connector ends meanwhile.
inline constexpr std::size_t kMaxLinkTries = 4;

/// An origin at a TCP port that a connector dials.
class ConnectorOrigin final : public Origin {
 public:
  /// `connectors`: names, of which each may reach it. `host` may be a name that only the connector resolves.
  ConnectorOrigin(std::string application, std::vector<std::string> connectors,
                  std::shared_ptr<ConnectorRegistry> registry, Host host, std::uint16_t port,
                  NamedBy named_by = NamedBy::configuration, bool proxy_protocol = false)
      : Origin(std::move(application), proxy_protocol),
        connectors_(std::move(connectors)),
        registry_(std::move(registry)),
        host_(std::move(host)),
        port_(port),
        named_by_(named_by) {}

  boost::asio::awaitable<Connected> connect(const TunnelGrant& grant, SharedRequest request,
                                            const ConnectionEnds& ends) override;
  std::string text() const override { return host_and_port(host_, port_); }
  std::string via() const override { return connectors_text(connectors_); }
  bool chosen_by_client() const override { return named_by_ != NamedBy::configuration; }

 private:
  struct Opening;
  /// Asks the connectors, until one has answered; what it has said is in `opening`. Null: none was asked.
  boost::asio::awaitable<std::optional<Down>> open(const TunnelGrant& grant, const ConnectionEnds& ends,
                                                   const std::shared_ptr<Opening>& opening) const;
  boost::asio::awaitable<Dialled> open_socket(const TunnelGrant& grant,
                                              const ConnectionEnds& ends) const override;
  boost::asio::awaitable<std::optional<Down>> introduce(tunnel::Stream& stream,
                                                        const ConnectionEnds& ends) const;

  const std::vector<std::string> connectors_;
  const std::shared_ptr<ConnectorRegistry> registry_;
  const Host host_;
  const std::uint16_t port_;
  const NamedBy named_by_;
};

}  // namespace cfpipe::edge
