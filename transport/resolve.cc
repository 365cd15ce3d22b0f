#include "transport/resolve.h"

#include <netdb.h>

#include <atomic>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "transport/shortage.h"
#include "transport/wakeup.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

/// Addresses of one name that are tried.
constexpr std::size_t kMaxAddresses = 16;
/// Lookups that may be under way at once, those that nobody waits for any more included.
constexpr int kMaxLookups = 64;

std::atomic<int> lookups{0};

// Shared between a lookup's thread and whoever waits for it; `found` is read only once that has been woken.
struct Lookup {
  explicit Lookup(const net::any_io_executor& executor) : done(std::make_shared<Wakeup>(executor)) {}
  std::shared_ptr<Wakeup> done;
  Endpoints found;
  int shortage = 0;  // an errno: what the C library had too little of; or 0
};

/// The C library has no word for most of what it lacks (EAI_AGAIN where no socket could be had), but leaves
/// errno as the last failed call had set it.
int shortage_behind(int status, int error) {
  if (status == EAI_MEMORY) return ENOMEM;
  return is_shortage(error) ? error : 0;
}

Endpoints ask_system(const std::string& host, std::uint16_t port, int& shortage) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  Endpoints found;
  errno = 0;
  if (const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); status != 0) {
    shortage = shortage_behind(status, errno);
    return found;
  }
  for (const addrinfo* one = list; one != nullptr && found.size() < kMaxAddresses; one = one->ai_next) {
    tcp::endpoint endpoint;
    if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
    if (one->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), one->ai_addr, one->ai_addrlen);
    endpoint.port(port);
    found.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  return found;
}

/// Nothing, or why there is no thread that looks.
std::optional<Failure> start(const std::shared_ptr<Lookup>& lookup, const std::string& host,
                             std::uint16_t port) {
  if (++lookups > kMaxLookups) {
    --lookups;
    return Failure(Stage::dns, Cause::timed_out, host);
  }
  auto thread = quiet_thread([lookup, host, port] {
    lookup->found = ask_system(host, port, lookup->shortage);
    --lookups;
    lookup->done->notify();
  });
  if (thread.joinable()) {
    thread.detach();
    return std::nullopt;
  }
  --lookups;
  return Failure(Stage::dns, Cause::system_short, host + ": the system refuses another thread");
}

bool is_localhost(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost");
}

}  // namespace

net::awaitable<Result<Endpoints>> resolve(std::string host, std::uint16_t port,
                                          std::chrono::milliseconds limit) {
  if (is_localhost(host)) {
    co_return Endpoints{{net::ip::address_v4::loopback(), port}, {net::ip::address_v6::loopback(), port}};
  }
  boost::system::error_code not_literal;
  if (const auto literal = net::ip::make_address(host, not_literal); !not_literal) {
    co_return Endpoints{{literal, port}};
  }
  const auto lookup = std::make_shared<Lookup>(co_await net::this_coro::executor);
  if (const auto failure = start(lookup, host, port)) co_return *failure;
  const bool done = co_await lookup->done->wait(std::chrono::steady_clock::now() + limit);
  if (!done) co_return Failure(Stage::dns, Cause::timed_out, host);
  if (lookup->shortage != 0)
    co_return system_failure(Stage::dns, Cause::system_short, host, lookup->shortage);
  if (lookup->found.empty()) co_return Failure(Stage::dns, Cause::name_not_found, host);
  co_return lookup->found;
}

}  // namespace cfpipe::transport
