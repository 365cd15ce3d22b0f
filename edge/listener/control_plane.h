#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "edge/http/request.h"
#include "edge/limits/fair_queue.h"
#include "edge/tunnel/handle.h"

namespace cfpipe::edge {

using SharedRequest = std::shared_ptr<const Request>;

/// A tunnel that the site has registered. Its destructor reports the end to the site, from any thread; the
/// relay keeps its counters current.
class OpenTunnel {
 public:
  OpenTunnel(boost::asio::any_io_executor executor, Site& site, std::int64_t id,
             std::shared_ptr<TunnelEnd> site_ends_it)
      : end(std::move(site_ends_it)), executor_(std::move(executor)), site_(site), id_(id) {}
  ~OpenTunnel();
  OpenTunnel(const OpenTunnel&) = delete;
  OpenTunnel& operator=(const OpenTunnel&) = delete;

  const std::shared_ptr<TunnelEnd> end;
  std::uint64_t up_bytes = 0;
  std::uint64_t down_bytes = 0;
  std::string reason = "an internal error";

 private:
  boost::asio::any_io_executor executor_;
  Site& site_;
  std::int64_t id_;
};

/// How long jobs of the queue run before the loop looks after everything else: timers, signals, what waits on
/// sockets, new requests.
inline constexpr std::chrono::microseconds kTurnTime{2'000};

/// Runs jobs on the site's loop, in turns (see FairQueue), a few milliseconds at a time. So what the loop has
/// to do besides, the sign of life to the service manager among it, waits for one job at most and not for the
/// queue.
class Turns : public std::enable_shared_from_this<Turns> {
 public:
  explicit Turns(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// From any thread. `refuse` takes the place of the job where too many of this address wait already; empty:
  /// it is never refused.
  void add(const Asker& asker, FairQueue::Job job, FairQueue::Job refuse);

 private:
  void run_some();

  boost::asio::any_io_executor executor_;
  FairQueue queue_;  ///< on the executor's thread, as the rest
  bool running_ = false;
};

/// The site as the wire's loops see it: what is asked runs on the site's own loop, and the answer arrives on
/// the caller's. Callers may be destroyed while they wait; what they asked is then left out if its turn has
/// not come.
class SiteLoop {
 public:
  /// Both outlive this.
  SiteLoop(boost::asio::any_io_executor executor, Site& site)
      : executor_(executor), site_(site), turns_(std::make_shared<Turns>(std::move(executor))) {}

  boost::asio::awaitable<Answer> handle(SharedRequest request);
  /// Of Site; answered on the caller's thread.
  bool reads_body(const Request& request) const { return site_.reads_body(request); }
  boost::asio::awaitable<std::variant<TunnelGrant, Answer>> upgrade(SharedRequest request);
  boost::asio::awaitable<std::unique_ptr<OpenTunnel>> opened(const TunnelGrant& grant, SharedRequest request);

  boost::asio::awaitable<transport::Result<std::string>> certify_terminal(const TunnelGrant& grant,
                                                                          SharedRequest request,
                                                                          std::string key_line);
  boost::asio::awaitable<transport::Result<std::string>> known_host_key(const TunnelGrant& grant);
  boost::asio::awaitable<transport::Result<void>> believe_host_key(const TunnelGrant& grant,
                                                                   SharedRequest request,
                                                                   std::string key_line);

 private:
  boost::asio::any_io_executor executor_;
  Site& site_;
  std::shared_ptr<Turns> turns_;
};

}  // namespace cfpipe::edge
