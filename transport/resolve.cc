#include "transport/resolve.h"

#include <netdb.h>
#include <signal.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

/// Addresses of one name that are tried.
constexpr std::size_t kMaxAddresses = 16;
/// Lookups that may be under way at once, those that nobody waits for any more included.
constexpr int kMaxLookups = 64;

std::atomic<int> lookups{0};

// Shared between a lookup's thread and whoever waits for it.
struct Lookup {
  explicit Lookup(const net::any_io_executor& e) : executor(e) {}
  std::mutex mutex;
  net::any_io_executor executor;
  net::steady_timer* waiter = nullptr;  // null once nobody waits; set and used on the loop's thread
  bool done = false;
  Endpoints found;
};

// Leaves the lookup to itself, however the wait ends. After this the thread does not touch the executor.
class Waiting {
 public:
  Waiting(std::shared_ptr<Lookup> lookup, net::steady_timer& timer) : lookup_(std::move(lookup)) {
    lookup_->waiter = &timer;
  }
  ~Waiting() {
    const std::lock_guard lock(lookup_->mutex);
    lookup_->waiter = nullptr;
    lookup_->executor = {};
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  std::shared_ptr<Lookup> lookup_;
};

Endpoints ask_system(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  Endpoints found;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return found;
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

void run(const std::shared_ptr<Lookup>& lookup, const std::string& host, std::uint16_t port) {
  auto found = ask_system(host, port);
  --lookups;
  const std::lock_guard lock(lookup->mutex);
  lookup->done = true;
  lookup->found = std::move(found);
  if (!lookup->executor) return;
  net::post(lookup->executor, [lookup] {
    if (lookup->waiter != nullptr) lookup->waiter->cancel();
  });
}

// Signals are the loop's business: the thread is born with all of them blocked.
bool start(const std::shared_ptr<Lookup>& lookup, const std::string& host, std::uint16_t port) {
  if (++lookups > kMaxLookups) {
    --lookups;
    return false;
  }
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    std::thread([lookup, host, port] { run(lookup, host, port); }).detach();
  } catch (const std::system_error&) {
    --lookups;
    started = false;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
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
  const auto executor = co_await net::this_coro::executor;
  const auto lookup = std::make_shared<Lookup>(executor);
  net::steady_timer timer(executor, limit);
  const Waiting waiting(lookup, timer);
  if (!start(lookup, host, port)) co_return Failure(Stage::dns, Cause::timed_out, host);
  co_await timer.async_wait(net::as_tuple(net::use_awaitable));
  const std::lock_guard lock(lookup->mutex);
  if (!lookup->done) co_return Failure(Stage::dns, Cause::timed_out, host);
  if (lookup->found.empty()) co_return Failure(Stage::dns, Cause::name_not_found, host);
  co_return lookup->found;
}

}  // namespace cfpipe::transport
