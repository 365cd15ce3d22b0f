#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "edge/site.h"
#include "edge/tunnel_end.h"

namespace cfpipe::edge {

using SharedRequest = std::shared_ptr<const Request>;

/// A tunnel that the site knows of. Tells it of the end when it goes, from whichever thread and however that
/// comes about; whoever relays keeps the numbers current.
class OpenTunnel {
 public:
  OpenTunnel(boost::asio::any_io_executor executor, Site& site, std::int64_t id,
             std::shared_ptr<TunnelEnd> site_ends_it)
      : end(std::move(site_ends_it)), executor_(std::move(executor)), site_(site), id_(id) {}
  ~OpenTunnel();
  OpenTunnel(const OpenTunnel&) = delete;
  OpenTunnel& operator=(const OpenTunnel&) = delete;

  const std::shared_ptr<TunnelEnd> end;
  std::uint64_t up_bytes = 0;
  std::uint64_t down_bytes = 0;
  std::string reason = "an internal error";

 private:
  boost::asio::any_io_executor executor_;
  Site& site_;
  std::int64_t id_;
};

/// The site as the wire's loops see it: what is asked runs on the site's own loop, and the answer arrives on
/// the caller's. Callers may be destroyed while they wait.
class SiteLoop {
 public:
  /// Both outlive this.
  SiteLoop(boost::asio::any_io_executor executor, Site& site) : executor_(std::move(executor)), site_(site) {}

  boost::asio::awaitable<Answer> handle(SharedRequest request);
  boost::asio::awaitable<std::variant<TunnelGrant, Answer>> upgrade(SharedRequest request);
  boost::asio::awaitable<std::unique_ptr<OpenTunnel>> opened(const TunnelGrant& grant, SharedRequest request);

  boost::asio::awaitable<transport::Result<std::string>> certify_terminal(const TunnelGrant& grant,
                                                                          SharedRequest request,
                                                                          std::string key_line);
  boost::asio::awaitable<transport::Result<std::string>> known_host_key(const TunnelGrant& grant);
  boost::asio::awaitable<transport::Result<void>> believe_host_key(const TunnelGrant& grant,
                                                                   SharedRequest request,
                                                                   std::string key_line);

 private:
  boost::asio::any_io_executor executor_;
  Site& site_;
};

}  // namespace cfpipe::edge
