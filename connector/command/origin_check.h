#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/host.h"
#include "connector/tunnel/origin_dial.h"

namespace cfpipe::connector {

/// How long an origin may take to say its first line, and bytes of it that are read.
inline constexpr std::chrono::milliseconds kBannerLimit{5'000};
inline constexpr std::size_t kMaxBannerBytes = 8 * 1024;
/// Where an SSH server is expected, which speaks first (RFC 4253 4.2).
inline constexpr std::uint16_t kSshPort = 22;

/// Reaches an origin as a tunnel would, and reads what it says first: the version of an SSH server. Elsewhere
/// than at kSshPort, what says nothing is fine. Failures, Stage::tcp and tunnel: refused, timed_out,
/// unreachable, name_not_found, origin_silent, not_ssh.
boost::asio::awaitable<Result<std::string>> check_origin(std::shared_ptr<const TunnelRules> rules,
                                                         Authority origin);

}  // namespace cfpipe::connector
