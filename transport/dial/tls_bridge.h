#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>

#include "base/error.h"
#include "base/host.h"

namespace cfpipe::transport {

/// A plain socket that forwards to TLS with `host` over `socket`, for TLS inside of TLS, as through an https
/// proxy. It costs one more copy each way. Lives until either end closes, and no longer than the executor.
/// Failures: Stage::tls, or Stage::config for `ca_file`.
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> bridge_tls(boost::asio::ip::tcp::socket socket,
                                                                        Host host, std::string ca_file,
                                                                        std::chrono::milliseconds limit);

}  // namespace cfpipe::transport
