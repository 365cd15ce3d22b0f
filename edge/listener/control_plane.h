#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "edge/http/request_handler.h"
#include "edge/limits/fair_queue.h"
#include "edge/listener/terminal_backend.h"
#include "edge/tunnel/record.h"
#include "edge/tunnel/recorder.h"

namespace cfpipe::edge {

class ResumableTunnels;

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

/// The site as other loops see it, those of the workers and of the terminals: what is asked runs on the
/// site's own loop, and the answer arrives on the caller's. Callers may be destroyed while they wait; what
/// they asked is then left out if its turn has not come.
class ControlPlane {
 public:
  /// `requests` and `tunnels` outlive this.
  ControlPlane(boost::asio::any_io_executor executor, RequestHandler& requests, TunnelRecorder& tunnels);

  boost::asio::awaitable<Answer> handle(SharedRequest request);
  /// Of RequestHandler; answered on the caller's thread.
  bool reads_body(const Request& request) const { return requests_.reads_body(request); }
  boost::asio::awaitable<std::variant<TunnelGrant, Answer>> upgrade(SharedRequest request);
  boost::asio::awaitable<std::variant<AttachGrant, Answer>> attach(SharedRequest request);
  boost::asio::awaitable<std::unique_ptr<TunnelRecord>> opened(const TunnelGrant& grant,
                                                               SharedRequest request);
  /// The client of a tunnel that was opened() has come back by this request. Waits for nothing.
  void resumed(std::int64_t id, SharedRequest request);
  /// Those of all loops.
  const std::shared_ptr<ResumableTunnels>& resumables() const { return resumables_; }

 private:
  friend class TerminalControl;
  boost::asio::any_io_executor executor_;
  RequestHandler& requests_;
  TunnelRecorder& tunnels_;
  std::shared_ptr<Turns> turns_;
  const std::shared_ptr<ResumableTunnels> resumables_;
};

/// The same for what terminals need besides.
class TerminalControl {
 public:
  /// Both outlive this; `backend` lives on the loop of `site`.
  TerminalControl(ControlPlane& site, TerminalBackend& backend) : site_(site), backend_(backend) {}

  boost::asio::awaitable<std::unique_ptr<TunnelRecord>> opened(const TunnelGrant& grant,
                                                               SharedRequest request) {
    return site_.opened(grant, std::move(request));
  }
  boost::asio::awaitable<Result<std::string>> certify(const TunnelGrant& grant, SharedRequest request,
                                                      std::string key_line);
  boost::asio::awaitable<Result<std::string>> known_host_key(const TunnelGrant& grant);
  boost::asio::awaitable<Result<void>> trust_host_key(const TunnelGrant& grant, SharedRequest request,
                                                      std::string key_line);
  /// Waits for nothing.
  void files_closed(const TunnelGrant& grant, SharedRequest request, const FilesUse& use);

 private:
  ControlPlane& site_;
  TerminalBackend& backend_;
};

}  // namespace cfpipe::edge
