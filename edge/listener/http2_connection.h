#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "edge/http/client_source.h"
#include "edge/listener/connection_context.h"
#include "edge/listener/exchange.h"
#include "transport/http2/connection.h"
#include "transport/net/socket_channel.h"

namespace cfpipe::edge {

/// One connection over HTTP/2: ordinary requests and tunnels (extended CONNECT, RFC 8441), side by side.
class H2Connection : public std::enable_shared_from_this<H2Connection> {
 public:
  /// `early`: what the client has sent already.
  H2Connection(std::unique_ptr<transport::SocketChannel> channel, const ConnectionContext& context,
               const ClientSource& source, std::shared_ptr<IdleConnections::Seat> seat,
               std::span<const std::byte> early);

  /// Serves until the connection and all that ran on it have ended.
  boost::asio::awaitable<void> run();
  /// Asks the client to send no more requests; those that are on their way are answered.
  void drain();
  /// Takes no more requests; over when the last has been answered and the last tunnel has ended.
  void refuse_more();
  /// No more requests; ends as soon as it carries no tunnel (`hard`: at once).
  void stop(bool hard);

 private:
  using Stream = transport::H2Stream;
  class Served;

  boost::asio::awaitable<void> serve(std::unique_ptr<Stream> stream);
  boost::asio::awaitable<void> carry_on(std::unique_ptr<Stream> stream, SharedRequest request,
                                        TunnelGrant grant, MemoryCharge& charge);
  boost::asio::awaitable<void> tunnel(std::unique_ptr<Stream> stream, SharedRequest request,
                                      MemoryCharge& charge);
  boost::asio::awaitable<void> answer(Stream& stream, std::shared_ptr<Request> request, MemoryCharge& charge);
  boost::asio::awaitable<bool> read_body(Stream& stream, Request& request, MemoryCharge& charge);
  boost::asio::awaitable<void> reply(Stream& stream, Asked asked, Answer answer);
  boost::asio::awaitable<bool> write(Stream& stream, std::string_view content,
                                     transport::H2Connection::Clock::time_point deadline);
  std::shared_ptr<MemoryCharge> share_of_output(const Answer& answer);
  Request translate(Stream& stream) const;
  void spawn(std::unique_ptr<Stream> stream);

  std::shared_ptr<transport::H2Connection> connection_;
  ControlPlane& site_;
  Timeouts timeouts_;
  ClientSource source_;
  OccasionalLine& forwarding_faults_;
  std::shared_ptr<IdleConnections::Seat> seat_;
  MemoryHold hold_;
  MemoryAccount requests_;  ///< from their heads to their answers, or tunnels
  MemoryAccount answers_;   ///< that the client has not taken
  MemoryAccount output_;    ///< buffers behind them, which they share
  std::weak_ptr<MemoryCharge> wire_charge_;
  std::list<std::unique_ptr<TunnelRelay>> tunnels_;
  std::size_t resumed_ = 0;  ///< carriers of tunnels that were opened elsewhere
  std::size_t served_ = 0;   ///< requests and tunnels under way
  boost::asio::steady_timer idle_;
};

}  // namespace cfpipe::edge
