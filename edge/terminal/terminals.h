#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "edge/limits/seats.h"
#include "edge/terminal/session.h"
#include "edge/tunnel/target.h"

namespace cfpipe::edge::terminal {

/// Terminals at once, in all and of one person; pages at once that have yet to say their first word; and how
/// long each may take for that.
inline constexpr std::size_t kMaxSessions = 256;
inline constexpr std::size_t kMaxSessionsOfPerson = 16;
inline constexpr std::size_t kMaxGuests = 512;
inline constexpr std::size_t kMaxGuestsOfPerson = 32;
inline constexpr std::chrono::seconds kGreetingTimeout{10};

/// The terminals of the edge, on a loop and thread of their own: what logging in by SSH costs stalls no
/// tunnel, and a session belongs to no connection, so that a page can come back to it by another.
class Terminals final : public TunnelTarget {
 public:
  /// Both outlive it.
  Terminals(ControlPlane& site, TerminalBackend& backend) : site_(site, backend) {}
  ~Terminals() override { join(); }
  Terminals(const Terminals&) = delete;
  Terminals& operator=(const Terminals&) = delete;

  /// False if the system refuses a thread.
  bool start();
  /// Ends the thread, wherever it is; the site's loop is told of the sessions when this is destroyed.
  void join();
  /// Takes no more sessions, and ends those that are there once `drain` has passed; at once where no page
  /// shows one. From any thread.
  void stop(std::chrono::milliseconds drain);

  /// A new session, or the one that the page wants back.
  boost::asio::awaitable<Connected> connect(const TunnelGrant& grant, SharedRequest request,
                                            const ConnectionEnds& ends) override;
  bool keeps_sessions() const override { return true; }
  /// Pages that were refused for want of room, since the start. From any thread.
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  struct Guest;
  boost::asio::awaitable<void> greet(std::shared_ptr<Guest> guest);
  boost::asio::awaitable<void> serve(std::shared_ptr<Guest> guest, Start start);
  std::shared_ptr<Session> find(const TunnelGrant& grant) const;

  TerminalControl site_;
  Seats guests_{{kMaxGuestsOfPerson, kMaxGuests}};
  std::atomic<std::uint64_t> refused_{0};
  // Of the loop's thread:
  Seats seats_{{kMaxSessionsOfPerson, kMaxSessions}};
  std::map<std::string, std::shared_ptr<Session>> sessions_;
  bool stopping_ = false;
  // Goes before all that its handlers use.
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  boost::asio::steady_timer drain_{io_};
  std::thread thread_;
};

}  // namespace cfpipe::edge::terminal
