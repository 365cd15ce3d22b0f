#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "transport/failure.h"

namespace cfpipe::transport {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

/// The addresses of a host, never empty: a literal as it is, names under `.localhost` as loopback without
/// asking DNS, others through the system's resolver. `limit` holds although the system's call cannot be
/// interrupted: each lookup has a thread of its own, which is left behind, so that neither the process's exit
/// nor another lookup waits for it. Failures, Stage::dns: name_not_found, timed_out.
boost::asio::awaitable<Result<Endpoints>> resolve(std::string host, std::uint16_t port,
                                                  std::chrono::milliseconds limit);

}  // namespace cfpipe::transport
