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

/// Connects to the proxy and has it connect to the other side: what the socket carries from now on is the
/// other side's. Deadlines: the proxy's name and address have those of any host, what is said to it has
/// proxy_deadline. Failures: all that is about the proxy is Stage::proxy, with its address and never its
/// login in the detail; and Stage::dns for a name that is looked up here (socks5).
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> dial_by_proxy(const Proxy& proxy, Host host,
                                                                           std::uint16_t port,
                                                                           const DialOptions& options);

}  // namespace cfpipe::transport
