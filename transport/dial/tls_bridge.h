#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>

#include "base/error.h"
#include "base/host.h"

namespace cfpipe::transport {

/// TLS to `host` over `socket`, and a socket behind which it is out of sight: what is written there leaves
/// encrypted, what is read there was. For a connection inside of which there is another TLS connection, as to
/// a proxy that is itself spoken to over TLS: it costs one more copy each way. Lives until either end closes,
/// and no longer than the executor. Failures: Stage::tls, or Stage::config for `ca_file`.
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> bridge_tls(boost::asio::ip::tcp::socket socket,
                                                                        Host host, std::string ca_file,
                                                                        std::chrono::milliseconds limit);

}  // namespace cfpipe::transport
