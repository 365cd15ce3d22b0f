#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "edge/connector/host.h"
#include "edge/http/client_source.h"
#include "edge/http/request_rules.h"
#include "edge/limits/charged_body.h"
#include "edge/listener/connection_context.h"
#include "edge/listener/exchange.h"
#include "edge/listener/http2_connection.h"
#include "edge/listener/input_buffer.h"
#include "edge/listener/resuming.h"
#include "transport/http/message_io.h"
#include "transport/tls/channel.h"

namespace cfpipe::edge {

/// One accepted connection from its handshake, if there is one, to its end: requests one after another, or
/// one tunnel; or many of both, over HTTP/2, if ALPN has chosen that or an unencrypted client begins with it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `ssl`: null where it is not encrypted.
  Connection(boost::asio::ip::tcp::socket socket, transport::SslPtr ssl, ClientSource source,
             const ConnectionContext& context);
  ~Connection() { seat_->leave_for_good(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Serves until either side is done. Never throws what a peer could cause.
  boost::asio::awaitable<void> run();
  /// What has begun is answered, and the first request of a connection that has asked nothing yet; then it
  /// ends. A tunnel goes on.
  void drain();
  /// Takes no more requests; one without a request or a tunnel under way is ended apart, as idle.
  void refuse_more();
  /// Ends it as soon as it carries no tunnel (`hard`: at once).
  void stop(bool hard);

 private:
  using RequestParser = boost::beast::http::request_parser<ChargedBody>;
  using Deadline = std::chrono::steady_clock::time_point;
  struct Attached {
    AttachGrant grant;
    std::string peer;
  };

  boost::asio::awaitable<bool> shake_hands();
  boost::asio::awaitable<std::optional<bool>> chooses_http2();
  boost::asio::awaitable<void> serve_http2();
  boost::asio::awaitable<bool> prove();
  boost::asio::awaitable<void> serve_http1();
  boost::asio::awaitable<bool> serve_one();
  boost::asio::awaitable<bool> read_head(RequestParser& parser, Deadline deadline);
  boost::asio::awaitable<bool> read_body(RequestParser& parser, Deadline deadline);
  boost::asio::awaitable<bool> answer(std::shared_ptr<Request> request, MemoryCharge& charge,
                                      bool keep_alive);
  boost::asio::awaitable<void> refuse(Answer answer);
  boost::asio::awaitable<void> linger();
  boost::asio::awaitable<bool> reply(Asked asked, Answer answer, bool keep_alive);
  boost::asio::awaitable<void> upgrade(const RequestParser& parser, SharedRequest request);
  boost::asio::awaitable<bool> switch_to_tunnel(const RequestHead& http, const std::string& ray,
                                                const std::string& resume);
  boost::asio::awaitable<void> relay();
  boost::asio::awaitable<void> carry_on();
  boost::asio::awaitable<bool> attach(const RequestParser& parser, SharedRequest request);
  boost::asio::awaitable<void> serve_connector();
  Request translate(const RequestHead& http) const;

  std::unique_ptr<transport::SocketChannel> channel_;
  transport::TlsChannel* tls_ = nullptr;  // the same, if it is encrypted
  ConnectionContext context_;
  ControlPlane& site_;
  Timeouts timeouts_;
  std::shared_ptr<IdleConnections::Seat> seat_;
  MemoryAccount held_;  // the request, then its answer
  InputBuffer input_;
  ClientSource source_;
  std::optional<Deadline> first_until_;     // of the first request, if it is awaited already
  std::unique_ptr<Upgraded> upgraded_;      // until its relay begins
  std::unique_ptr<Reattached> reattached_;  // the same, of a tunnel that was open before
  bool half_close_ = false;
  bool carries_tunnel_ = false;  // from its 101 on
  std::optional<IdleConnections::Busy> busy_with_tunnel_;
  std::unique_ptr<TunnelRelay> tunnel_;  // from its beginning on
  std::shared_ptr<H2Connection> h2_;     // if that was chosen; the rest is idle then
  std::optional<Attached> attached_;     // from the 101 of a connector on
  std::unique_ptr<ConnectorHost> connector_;
  bool draining_ = false;
  bool stopping_ = false;
};

}  // namespace cfpipe::edge
