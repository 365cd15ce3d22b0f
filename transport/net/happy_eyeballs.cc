#include "transport/net/happy_eyeballs.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>

#include "base/shortage.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

using Clock = std::chrono::steady_clock;

std::string shown(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

// Attempts in flight. Outlives the coroutine that waits for it, until the handler of the last attempt has
// run.
struct Race : std::enable_shared_from_this<Race> {
  Race(net::any_io_executor e, std::size_t runners) : executor(std::move(e)), changed(executor) {
    sockets.reserve(runners);
  }

  void start(const tcp::endpoint& to) {
    const auto index = sockets.size();
    ++running;
    attempt_failed = false;
    sockets.emplace_back(executor).async_connect(
        to, [race = shared_from_this(), index](const boost::system::error_code& error) {
          race->finished(index, error);
        });
  }

  void finished(std::size_t index, const boost::system::error_code& error) {
    if (over) return;
    --running;
    if (!error && !winner) winner = index;
    if (error) attempt_failed = true;
    if (error && index == 0) first_error = error;
    changed.cancel();
  }

  // What is still on its way is closed, and the winner's socket was moved out of here before.
  void end() {
    over = true;
    boost::system::error_code ignored;
    for (auto& socket : sockets) {
      if (socket.is_open()) socket.close(ignored);
    }
  }

  net::any_io_executor executor;
  net::steady_timer changed;  // cancelled when an attempt has ended
  std::vector<tcp::socket> sockets;
  std::size_t running = 0;
  bool attempt_failed = false;  // since the last start
  bool over = false;
  std::optional<std::size_t> winner;
  boost::system::error_code first_error;
};

class EndOfRace {
 public:
  explicit EndOfRace(Race& race) : race_(race) {}
  ~EndOfRace() { race_.end(); }
  EndOfRace(const EndOfRace&) = delete;
  EndOfRace& operator=(const EndOfRace&) = delete;

 private:
  Race& race_;
};

// The first address is the one a person expects, so what became of it is worth telling.
Failure failure_of(const Race& race, const std::string& where, const tcp::endpoint& first) {
  const std::string at = where + " at " + shown(first);
  if (!race.first_error) return {Stage::tcp, Cause::timed_out, at};
  if (race.first_error == net::error::connection_refused) return {Stage::tcp, Cause::refused, at};
  return system_failure(Stage::tcp, Cause::unreachable, at, race.first_error.value());
}

}  // namespace

Endpoints in_turns(const Endpoints& found) {
  Endpoints out = found;
  const bool v6_first = !out.empty() && out.front().address().is_v6();
  const auto others = std::stable_partition(out.begin(), out.end(), [v6_first](const tcp::endpoint& one) {
    return one.address().is_v6() == v6_first;
  });
  const auto of_first = static_cast<std::size_t>(others - out.begin());
  Endpoints mixed;
  mixed.reserve(out.size());
  for (std::size_t i = 0; i < std::max(of_first, out.size() - of_first); ++i) {
    if (i < of_first) mixed.push_back(out[i]);
    if (of_first + i < out.size()) mixed.push_back(out[of_first + i]);
  }
  return mixed;
}

net::awaitable<Result<tcp::socket>> connect_first(Endpoints endpoints, std::string where,
                                                  std::chrono::milliseconds limit) {
  const auto race = std::make_shared<Race>(co_await net::this_coro::executor, endpoints.size());
  const EndOfRace end(*race);
  const auto deadline = Clock::now() + limit;
  for (std::size_t next = 0; !race->winner;) {
    auto wake = deadline;
    if (next < endpoints.size()) {
      race->start(endpoints[next++]);
      if (next < endpoints.size()) wake = std::min(deadline, Clock::now() + kAttemptDelay);
    } else if (race->running == 0) {
      co_return failure_of(*race, where, endpoints.front());
    }
    // Until an attempt has connected, or it is time for the next: then, or as soon as there is a free slot.
    while (!race->winner && !race->attempt_failed && Clock::now() < wake) {
      race->changed.expires_at(wake);
      co_await race->changed.async_wait(net::as_tuple(net::use_awaitable));
    }
    if (!race->winner && Clock::now() >= deadline) co_return failure_of(*race, where, endpoints.front());
    if (next == endpoints.size()) race->attempt_failed = false;
  }
  auto socket = std::move(race->sockets[*race->winner]);
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  co_return socket;
}

}  // namespace cfpipe::transport
