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

/// Lookups of names that may be under way at once, those that nobody waits for any more included; of one
/// name, which everybody shares who wants it; and of one owner.
inline constexpr std::size_t kMaxLookups = 64;
inline constexpr std::size_t kMaxLookupsOfName = 2;
inline constexpr std::size_t kMaxLookupsOfOwner = 16;
/// A lookup that is older is not joined while there may be another of its name: it may hang.
inline constexpr std::chrono::milliseconds kJoinLookup{2'000};
/// Callers that wait for one lookup.
inline constexpr std::size_t kMaxWaitingForLookup = 4'096;

/// Looks names up by a function that blocks, each lookup on a thread of its own. A name that is slow holds a
/// few threads, however many callers want it. From any thread.
class Lookups {
 public:
  struct Limits {
    std::size_t at_once = kMaxLookups;
    std::size_t of_owner = kMaxLookupsOfOwner;
  };
  struct Found {
    Endpoints addresses;  ///< ports 0; none if there are none
    int shortage = 0;     ///< an errno: what there was too little of to find out; or 0
    bool later = false;   ///< no resolver has answered: another time there may be some
  };
  using Ask = std::function<Found(const std::string& host)>;

  Lookups(Limits limits, Ask ask);
  /// Those of this process that have no pool of their own, by the system's resolver.
  static Lookups& of_process();
  /// Another pool, by the system's resolver.
  static std::shared_ptr<Lookups> make(Limits limits);

  /// The addresses, ports 0, never empty. `owner` is whose lookup it is; empty: it counts for no owner.
  /// Failures, Stage::dns: name_not_found, lookup_failed; timed_out, at once without room; system_short.
  boost::asio::awaitable<Result<Endpoints>> find(std::string host, std::string owner,
                                                 std::chrono::milliseconds limit);
  /// Lookups that there was no room for, since the start.
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  std::size_t under_way() const;

 private:
  struct Lookup;
  struct Room;
  std::shared_ptr<Room> room_;  ///< the threads' too, which may outlive this
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace cfpipe::transport
