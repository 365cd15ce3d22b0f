#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <string>

#include "edge/site.h"
#include "transport/tls_channel.h"
#include "tunnel/relay.h"

namespace cfpipe::edge {

/// One accepted connection from its handshake to its end: requests one after another, or one tunnel.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket, transport::SslPtr ssl, Site& site);

  /// Serves until either side is done. Never throws what a peer could cause.
  boost::asio::awaitable<void> run();
  /// Ends it as soon as it carries no tunnel (`hard`: at once).
  void stop(bool hard);

 private:
  using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;

  boost::asio::awaitable<void> serve_http1();
  boost::asio::awaitable<bool> serve_one();
  boost::asio::awaitable<void> refuse(const transport::Failure& failure, bool header_read);
  boost::asio::awaitable<void> linger();
  boost::asio::awaitable<bool> reply(const Request& request, Answer answer, bool keep_alive);
  boost::asio::awaitable<void> tunnel(const HttpRequest& http, Request request);
  boost::asio::awaitable<void> relay(const TunnelGrant& grant, const Request& request,
                                     boost::asio::ip::tcp::socket origin, bool half_close);
  Request translate(HttpRequest& http) const;

  std::unique_ptr<transport::TlsChannel> channel_;
  boost::beast::flat_buffer buffer_;
  Site& site_;
  std::string peer_;
  tunnel::Relay* relay_ = nullptr;  // while a tunnel is open
  bool stopping_ = false;
};

}  // namespace cfpipe::edge
