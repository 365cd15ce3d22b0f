#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "edge/tunnel/record.h"
#include "tunnel/relay.h"
#include "tunnel/stream.h"

namespace cfpipe::edge {

/// What the client of a tunnel is told that the edge ends because it ends itself.
inline constexpr const char* kLeaving = "the edge is stopped or restarted";

/// How long a tunnel may last, and how long it may carry nothing; 0: as long as it likes.
struct SessionLimits {
  std::chrono::milliseconds session{0};
  std::chrono::milliseconds idle{0};
};

/// A tunnel while it is open: the client's stream, the target's, what moves between them, the limits, and the
/// record. Belongs to one loop and to no coroutine. The destructor ends the tunnel at once, and the record
/// then tells the site.
class TunnelRelay {
 public:
  TunnelRelay(const boost::asio::any_io_executor& executor, std::unique_ptr<tunnel::Stream> client,
              std::unique_ptr<tunnel::Stream> target, tunnel::RelayTimes times = {});
  ~TunnelRelay();
  TunnelRelay(const TunnelRelay&) = delete;
  TunnelRelay& operator=(const TunnelRelay&) = delete;

  /// Begins to move bytes, or ends the tunnel where the record says that it is to end: then not one byte has
  /// moved. `record`: null for a target that keeps its sessions (TunnelTarget), which applies
  /// the limits itself.
  void start(std::unique_ptr<TunnelRecord> record, const SessionLimits& limits);
  /// Waits for the end of what start() began; for one waiter. The site has been told then. Destroying the
  /// relay ends the wait.
  boost::asio::awaitable<void> until_over();
  /// Ends the tunnel because the edge ends, also before start(); the client is told. A target that keeps its
  /// sessions ends them by itself, with words of its own: its relay goes on.
  void stop();

 private:
  class LimitWatch;

  void leave();
  void dismiss(const std::string& why);
  void ended(const tunnel::Outcome& outcome);
  void complete_record();

  // In the reverse of the order in which they go: the site is told last.
  std::unique_ptr<TunnelRecord> record_;
  const std::unique_ptr<tunnel::Stream> client_;
  const std::unique_ptr<tunnel::Stream> target_;
  tunnel::Relay relay_;
  std::shared_ptr<LimitWatch> watch_;  // null: there are no limits
  boost::asio::steady_timer over_timer_;
  bool over_ = false;
  bool stopped_ = false;
  std::string dismissal_;  // why the site, or a limit, has ended the tunnel
};

}  // namespace cfpipe::edge
