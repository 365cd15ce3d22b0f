#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connector/config/enrolment.h"
#include "connector/link/attach.h"
#include "connector/link/backoff.h"
#include "connector/tunnel/log_budget.h"
#include "connector/tunnel/tunnel_server.h"
#include "transport/dial/dial_options.h"
#include "transport/http2/connection.h"

namespace cfpipe::connector {

/// Connections to the edge: always, and where those have little room left for tunnels.
inline constexpr std::size_t kUsualLinks = 2;
inline constexpr std::size_t kMaxLinks = 16;
/// Tunnels on each connection from which on another one is opened; and how long one beyond kUsualLinks
/// carries none before it is closed.
inline constexpr std::size_t kBusyLink = 75;
inline constexpr std::chrono::seconds kExtraLinkIdle{60};
/// Connections that the edge has said goodbye to and that still carry tunnels. Beyond, the oldest is closed.
inline constexpr std::size_t kMaxLeaving = 16;
/// A connection that lasted less than this was no success, and the next pause is longer; but for one that the
/// edge has drained (see Backoff::after_drain).
inline constexpr std::chrono::seconds kSteadyLink{10};
/// The pause after the edge has said that it does not know this connector, or has revoked it.
inline constexpr std::chrono::minutes kDeniedPause{5};
/// The same failure is not logged again within this time. Lines in the log that an edge may cause which takes
/// connections and breaks them: at once, and in each second after that.
inline constexpr std::chrono::seconds kRepeatFailure{60};
inline constexpr double kLinkLogBurst = 40;
inline constexpr double kLinkLogLines = 0.1;

/// How things stand with the edge.
struct LinkCounts {
  std::size_t attached = 0;
  std::uint64_t attaches = 0;  ///< since the start
  std::uint64_t failures = 0;  ///< attempts that failed, and connections that were lost
};

/// Keeps this connector attached: connections to its edge, which HTTP/2 is spoken on with the edge as the
/// client. Belongs to one loop; held by std::shared_ptr.
class Links : public std::enable_shared_from_this<Links> {
 public:
  struct Setup {
    transport::DialOptions dial;
    std::shared_ptr<const Enrolment> enrolment;
    std::shared_ptr<TunnelServer> tunnels;
    std::chrono::seconds extra_idle = kExtraLinkIdle;
    std::function<void()> on_change;                 ///< counts() has changed
    std::function<void(const Failure&)> on_failure;  ///< an attempt has failed
  };
  Links(boost::asio::any_io_executor executor, Setup setup);
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  void start();
  /// The network has changed, or this machine was asleep: the edge is asked for a sign of life, and attempts
  /// are made at once.
  void check();
  /// Another enrolment, and authorities that are read again, for the attempts from now on.
  void use(std::shared_ptr<const Enrolment> enrolment);
  /// To be called now and then: closes connections that are not needed any more.
  void trim();
  /// Tells the edge that the end is near; tunnels are still opened.
  void announce_end();
  /// Takes no more tunnels, and makes no more attempts. Connections end with their last tunnel.
  void drain();
  LinkCounts counts() const;
  /// No connection is left, nor an attempt.
  bool idle() const { return links_.empty(); }

 private:
  using Clock = std::chrono::steady_clock;
  using Connection = std::shared_ptr<transport::H2Connection>;
  struct Link;

  void add(bool extra);
  boost::asio::awaitable<void> run(std::shared_ptr<Link> link);
  void carry(const std::shared_ptr<Link>& attaching, Attached attached);
  void keep_leaving(Link& link, Connection connection);
  void over(Link& link, const Connection& connection);
  boost::asio::awaitable<void> pause(Link& link, std::chrono::milliseconds time);
  void grow();
  void report(const Failure& failure, std::chrono::milliseconds pause);
  std::size_t leaving() const;
  template <class Each>
  void each_connection(Each each) const;

  boost::asio::any_io_executor executor_;
  Setup setup_;
  const std::string instance_;
  std::vector<std::shared_ptr<Link>> links_;
  std::uint64_t attaches_ = 0;
  std::uint64_t failures_ = 0;
  bool ending_ = false;
  std::string last_failure_;  ///< its line
  Clock::time_point last_report_{};
  Clock::time_point grow_at_{};  ///< not before, since the edge took no more
  LogBudget log_budget_{kLinkLogBurst, kLinkLogLines};
};

}  // namespace cfpipe::connector
