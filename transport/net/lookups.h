#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace cfpipe::transport {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

/// Most lookups at once, abandoned ones included. Callers that want the same name share one. The next two
/// bound those of one name and of one owner.
inline constexpr std::size_t kMaxLookups = 64;
inline constexpr std::size_t kMaxLookupsOfName = 2;
inline constexpr std::size_t kMaxLookupsOfOwner = 16;
/// Age at which a lookup is not shared any more if another one of its name may start, since it may hang.
inline constexpr std::chrono::milliseconds kJoinLookup{2'000};
/// Most callers that wait for one lookup.
inline constexpr std::size_t kMaxWaitingForLookup = 4'096;

/// Resolves names by a blocking function, each lookup on a thread of its own. A slow name holds at most
/// kMaxLookupsOfName threads. From any thread.
class Lookups {
 public:
  struct Limits {
    std::size_t at_once = kMaxLookups;
    std::size_t of_owner = kMaxLookupsOfOwner;
  };
  struct Found {
    Endpoints addresses;  ///< ports 0; none if there are none
    int shortage = 0;     ///< errno of a shortage that prevented the lookup, or 0
    bool later = false;   ///< no resolver has answered: a later lookup may succeed
  };
  using Ask = std::function<Found(const std::string& host)>;

  Lookups(Limits limits, Ask ask);
  /// The default pool of this process, with the system's resolver.
  static Lookups& of_process();
  /// Another pool with the system's resolver.
  static std::shared_ptr<Lookups> make(Limits limits);

  /// The addresses, ports 0, never empty. `owner` is whose lookup it is; empty: it counts for no owner.
  /// Failures, Stage::dns: name_not_found, lookup_failed; timed_out, at once without room; system_short.
  boost::asio::awaitable<Result<Endpoints>> find(std::string host, std::string owner,
                                                 std::chrono::milliseconds limit);
  /// Number of lookups rejected for want of room since the start.
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  std::size_t under_way() const;

 private:
  struct Lookup;
  struct Room;
  std::shared_ptr<Room> room_;  ///< the threads' too, which may outlive this
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace cfpipe::transport
