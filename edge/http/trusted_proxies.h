#pragma once

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <vector>

#include "base/ip_range.h"

namespace cfpipe::edge {

/// Addresses and ranges that a configuration may name.
inline constexpr std::size_t kMaxTrustedProxies = 64;

/// Who may stand between clients and the edge, and say where a connection comes from.
struct TrustedProxies {
  std::vector<IpRange> ranges;
  /// Each connection of theirs begins with a header of the PROXY protocol.
  bool proxy_protocol = false;
  /// What connects to the Unix-domain socket that is listened at is one of them, too.
  bool unix_socket = false;

  bool contains(const IpAddress& address) const {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const IpRange& range) { return range.contains(address); });
  }
  bool contains(const boost::asio::ip::address& address) const { return contains(ip_of(address)); }
};

}  // namespace cfpipe::edge
