#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/host.h"
#include "edge/config/config.h"
#include "edge/http/proxy_header.h"
#include "edge/http/request.h"
#include "edge/tunnel/target.h"

namespace cfpipe::edge {

/// How long an origin may take to accept a connection.
inline constexpr std::chrono::seconds kOriginDeadline{10};

/// A connection to an origin, over TCP or to a Unix-domain socket.
using OriginSocket = boost::asio::generic::stream_protocol::socket;

/// The server that an application leads to. Immutable.
class Origin : public TunnelTarget {
 public:
  /// Connects, and sends the PROXY header if the origin wants one; an Answer (502, or 503 if the edge is
  /// short of descriptors or memory) says why not. For callers that need the socket and not a stream. What
  /// it is given outlives the await.
  boost::asio::awaitable<std::variant<OriginSocket, Answer>> dial(const TunnelGrant& grant,
                                                                  const ConnectionEnds& ends) const;
  boost::asio::awaitable<Connected> connect(const TunnelGrant& grant, SharedRequest request,
                                            const ConnectionEnds& ends) override;
  /// For people and as a key of what is known of the origin: `10.0.0.5:22`, `[2001:db8::5]:22`,
  /// `unix:/run/app.sock`.
  virtual std::string text() const = 0;
  /// The connectors that dial it, for people; empty: the edge does.
  virtual std::string via() const { return {}; }
  /// False if the configuration alone names the origin.
  virtual bool chosen_by_client() const { return false; }

 protected:
  /// Why there is no connection.
  struct Down {
    std::string why;
    bool edge_short = false;  ///< of descriptors or memory: the origin may be well
  };
  using Dialled = std::variant<OriginSocket, Down>;

  Origin(std::string application, bool proxy_protocol)
      : application_(std::move(application)), proxy_protocol_(proxy_protocol) {}
  const std::string& application() const { return application_; }
  bool wants_proxy_header() const { return proxy_protocol_; }
  /// The answer that says so to the client.
  Answer answer_of(const Down& down) const;

 private:
  virtual boost::asio::awaitable<Dialled> open_socket(const TunnelGrant& grant,
                                                      const ConnectionEnds& ends) const = 0;

  std::string application_;  ///< host name of the application that leads here
  bool proxy_protocol_;      ///< the origin is told of the client's connection
};

/// What names the host of an origin.
enum class NamedBy {
  configuration,  ///< the configuration alone
  destination,    ///< the client, within what `destinations` lists
  pattern,        ///< the client's host, of which the `*` of the service takes a label
};

/// An origin at a TCP port.
class TcpOrigin final : public Origin {
 public:
  TcpOrigin(std::string application, Host host, std::uint16_t port, NamedBy named_by = NamedBy::configuration,
            bool proxy_protocol = false)
      : Origin(std::move(application), proxy_protocol),
        host_(std::move(host)),
        port_(port),
        named_by_(named_by) {}

  std::string text() const override { return host_and_port(host_, port_); }
  bool chosen_by_client() const override { return named_by_ != NamedBy::configuration; }

 private:
  boost::asio::awaitable<Dialled> open_socket(const TunnelGrant& grant,
                                              const ConnectionEnds& ends) const override;

  Host host_;
  std::uint16_t port_;
  NamedBy named_by_;
};

/// An origin at a Unix-domain socket.
class UnixOrigin final : public Origin {
 public:
  UnixOrigin(std::string application, std::string path, bool proxy_protocol = false)
      : Origin(std::move(application), proxy_protocol), path_(std::move(path)) {}

  std::string text() const override { return "unix:" + path_; }

 private:
  boost::asio::awaitable<Dialled> open_socket(const TunnelGrant& grant,
                                              const ConnectionEnds& ends) const override;

  std::string path_;
};

/// The names of an application's connectors: `office, attic`.
std::string connectors_text(const std::vector<std::string>& names);
/// An application's own origin, for people: Origin::text(), whose host may be a pattern, and the connectors
/// that dial it.
std::string origin_text(const ApplicationConfig& app);

}  // namespace cfpipe::edge
