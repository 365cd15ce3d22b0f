#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/host.h"
#include "transport/net/lookups.h"

namespace cfpipe::transport {

/// Pool (null: that of the process) and owner (empty: none) that a lookup counts for.
struct LookupShare {
  LookupShare() = default;
  LookupShare(std::shared_ptr<Lookups> p, std::string o) : pool(std::move(p)), owner(std::move(o)) {}
  std::shared_ptr<Lookups> pool;
  std::string owner;
};

/// The addresses of a host, never empty: an address as it is, names under `.localhost` as loopback without
/// asking DNS (RFC 6761 6.3), none of names under `.invalid` (6.4), others through the system's resolver.
/// `limit` holds although the system's call cannot be interrupted: each lookup has a thread of its own
/// (lookups.h), which is left behind, so that neither the process's exit nor the lookup of another name waits
/// for it. Failures, Stage::dns: name_not_found, lookup_failed, timed_out.
boost::asio::awaitable<Result<Endpoints>> resolve(Host host, std::uint16_t port,
                                                  std::chrono::milliseconds limit,
                                                  LookupShare share = LookupShare());

}  // namespace cfpipe::transport
