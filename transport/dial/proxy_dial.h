#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/host.h"
#include "transport/dial/dial_options.h"
#include "transport/dial/proxy_settings.h"

namespace cfpipe::transport {

/// Connects to `host` through the proxy. Timeouts: those of any host for the proxy's own name and address,
/// proxy_deadline for the handshake. Failures: Stage::proxy with its address, never its login, in detail; and
/// Stage::dns for a name that is resolved here (socks5).
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> dial_by_proxy(const Proxy& proxy, Host host,
                                                                           std::uint16_t port,
                                                                           const DialOptions& options);

}  // namespace cfpipe::transport
