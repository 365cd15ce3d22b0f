#include "transport/net/lookups.h"

#include <netdb.h>

#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

#include "base/platform/wakeup.h"
#include "base/shortage.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

using Clock = std::chrono::steady_clock;

/// Addresses of one name that are tried.
constexpr std::size_t kMaxAddresses = 16;

/// The C library has no word for most of what it lacks (EAI_AGAIN where no socket could be had), but leaves
/// errno as the last failed call had set it.
int shortage_behind(int status, int error) {
  if (status == EAI_MEMORY) return ENOMEM;
  return is_shortage(error) ? error : 0;
}

Lookups::Found ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  Lookups::Found found;
  errno = 0;
  if (const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); status != 0) {
    found.shortage = shortage_behind(status, errno);
    found.later = status == EAI_AGAIN;
    return found;
  }
  Endpoints& addresses = found.addresses;
  for (const addrinfo* one = list; one != nullptr && addresses.size() < kMaxAddresses; one = one->ai_next) {
    tcp::endpoint endpoint;
    if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
    if (one->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), one->ai_addr, one->ai_addrlen);
    endpoint.port(0);
    addresses.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  return found;
}

}  // namespace

struct Lookups::Lookup {
  std::string host;
  std::string owner;
  Clock::time_point begun;
  std::vector<std::shared_ptr<Wakeup>> waiting;
  Found found;  // read only once it is done
};

struct Lookups::Room : std::enable_shared_from_this<Room> {
  Room(Limits l, Ask a) : limits(l), ask(std::move(a)) {}

  /// One of that name whose end `wakeup` will be told of. Cause::timed_out: there is no room.
  Result<std::shared_ptr<Lookup>> join_or_start(const std::string& host, const std::string& owner,
                                                const std::shared_ptr<Wakeup>& wakeup) {
    const std::lock_guard lock(mutex);
    const auto [first, last] = by_name.equal_range(host);
    const auto same = static_cast<std::size_t>(std::distance(first, last));
    // Of equal names the last one is the youngest.
    std::shared_ptr<Lookup> lookup = first == last ? nullptr : std::prev(last)->second;
    const bool young = lookup && Clock::now() - lookup->begun < kJoinLookup;
    if (!young && same < kMaxLookupsOfName) {
      auto another = start(host, owner);
      if (!another && !lookup) return another.error();
      if (another) lookup = std::move(*another);
    }
    if (lookup->waiting.size() >= kMaxWaitingForLookup) return Failure(Stage::dns, Cause::timed_out, host);
    lookup->waiting.push_back(wakeup);
    return lookup;
  }

  Result<std::shared_ptr<Lookup>> start(const std::string& host, const std::string& owner) {
    const auto owned = by_owner.find(owner);
    const bool owner_full = !owner.empty() && owned != by_owner.end() && owned->second >= limits.of_owner;
    if (by_name.size() >= limits.at_once || owner_full) return Failure(Stage::dns, Cause::timed_out, host);
    const auto lookup = std::make_shared<Lookup>();
    lookup->host = host;
    lookup->owner = owner;
    lookup->begun = Clock::now();
    auto thread = quiet_thread([room = shared_from_this(), lookup] {
      lookup->found = room->ask(lookup->host);
      room->done(lookup);
    });
    if (!thread.joinable())
      return Failure(Stage::dns, Cause::system_short, host + ": the system refuses another thread");
    thread.detach();
    by_name.emplace(host, lookup);
    ++by_owner[owner];
    return lookup;
  }

  void done(const std::shared_ptr<Lookup>& lookup) {
    std::vector<std::shared_ptr<Wakeup>> waiting;
    {
      const std::lock_guard lock(mutex);
      const auto [first, last] = by_name.equal_range(lookup->host);
      for (auto one = first; one != last; ++one) {
        if (one->second != lookup) continue;
        by_name.erase(one);
        break;
      }
      const auto owned = by_owner.find(lookup->owner);
      if (--owned->second == 0) by_owner.erase(owned);
      waiting = std::move(lookup->waiting);
    }
    for (const auto& one : waiting) one->notify();
  }

  const Limits limits;
  const Ask ask;
  mutable std::mutex mutex;
  std::multimap<std::string, std::shared_ptr<Lookup>> by_name;  // those under way
  std::map<std::string, std::size_t> by_owner;
};

Lookups::Lookups(Limits limits, Ask ask) : room_(std::make_shared<Room>(limits, std::move(ask))) {}

Lookups& Lookups::of_process() {
  static Lookups lookups(Limits(), ask_system);
  return lookups;
}

std::shared_ptr<Lookups> Lookups::make(Limits limits) {
  return std::make_shared<Lookups>(limits, ask_system);
}

std::size_t Lookups::under_way() const {
  const std::lock_guard lock(room_->mutex);
  return room_->by_name.size();
}

net::awaitable<Result<Endpoints>> Lookups::find(std::string host, std::string owner,
                                                std::chrono::milliseconds limit) {
  const auto wakeup = std::make_shared<Wakeup>(co_await net::this_coro::executor);
  const auto lookup = room_->join_or_start(host, owner, wakeup);
  if (!lookup) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    co_return lookup.error();
  }
  const bool done = co_await wakeup->wait(Clock::now() + limit);
  if (!done) co_return Failure(Stage::dns, Cause::timed_out, host);
  const Found& found = (*lookup)->found;
  if (found.shortage != 0) co_return system_failure(Stage::dns, Cause::system_short, host, found.shortage);
  if (found.later) co_return Failure(Stage::dns, Cause::lookup_failed, host);
  if (found.addresses.empty()) co_return Failure(Stage::dns, Cause::name_not_found, host);
  co_return found.addresses;
}

}  // namespace cfpipe::transport
