#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "edge/http/proxy_header.h"
#include "edge/listener/control_plane.h"
#include "edge/terminal/event.h"
#include "edge/terminal/files.h"
#include "edge/terminal/grant.h"
#include "edge/terminal/messages.h"
#include "edge/terminal/output.h"
#include "edge/terminal/ssh_client.h"
#include "edge/terminal/ssh_login.h"
#include "edge/terminal/window.h"
#include "edge/tunnel/origin.h"
#include "edge/tunnel/record.h"
#include "tunnel/held_bytes.h"
#include "tunnel/relay.h"

namespace cfpipe::edge::terminal {

/// How long a session waits for a page that shows it.
inline constexpr std::chrono::seconds kReturnTimeout{60};
/// How long a server that has ended a shell may take to say how, and a page to take the last words.
inline constexpr std::chrono::seconds kOutcomeTimeout{2};
inline constexpr std::chrono::seconds kFarewellTimeout{5};
/// Input that waits for the origin, in bytes; a page that sends more has not kept to its own window of 64
/// KiB.
inline constexpr std::size_t kMaxInput = 128 * 1024;

/// A user's terminal at an origin: the login there, the shell, and the page that shows it, if any. Runs on
/// one loop, in one coroutine.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(boost::asio::any_io_executor executor, TerminalControl& site, TunnelGrant grant,
          SharedRequest request, ConnectionEnds ends);
  ~Session();

  /// From the beginning to the end, whichever it is; the page has been told then.
  boost::asio::awaitable<void> run(std::unique_ptr<Window> window, Start start);
  /// Attaches another page; the previous one is told so.
  void show(std::unique_ptr<Window> window, const Start& start);
  /// Announces to the page that the edge ends at `ends`, Unix seconds; a session without a page cannot be
  /// resumed any more.
  void drain(std::int64_t ends);
  /// The edge ends.
  void stop();

  const std::string& id() const { return id_; }
  bool belongs_to(const TunnelGrant& grant) const;
  /// A shell is there to be shown.
  bool is_open() const { return open_; }

 private:
  using Clock = Event::Clock;

  boost::asio::awaitable<void> work();
  boost::asio::awaitable<std::optional<OriginSocket>> open_tunnel();
  boost::asio::awaitable<void> pump();
  boost::asio::awaitable<void> say_how_it_ended();
  boost::asio::awaitable<void> say_farewell();
  boost::asio::awaitable<bool> pause(SshClient* server, Clock::time_point deadline);
  void take_in();
  void take(Frame& frame);
  void pass_on();
  void put_out();
  bool put_in();
  void confirm();
  void show_output();
  void look_at_time();
  Clock::time_point next_look() const;
  void tell(FrameType type, std::string_view payload);
  void end(Ending ending);

  boost::asio::any_io_executor executor_;
  TerminalControl& site_;
  const TunnelGrant grant_;
  const SharedRequest request_;
  const ConnectionEnds ends_;
  const std::string id_;
  const std::shared_ptr<Event> event_;

  std::unique_ptr<Window> window_;
  Clock::time_point shown_;  // when a page last did
  bool draining_ = false;
  std::string user_;
  Size size_;
  std::optional<LogIn> given_;    // by the page, to be tried
  std::string input_;             // for the origin
  tunnel::HeldBytes input_held_;  // its capacity
  std::uint64_t received_ = 0;    // of input, from this page
  std::uint64_t confirmed_ = 0;   // of that, as the page knows
  Output output_;
  std::uint64_t sent_ = 0;  // position up to which this page has been sent the output

  Shell shell_;
  bool open_ = false;  // shell_ is there to be shown
  bool over_ = false;  // the origin has ended it
  std::unique_ptr<TunnelRecord> tunnel_;
  const std::shared_ptr<tunnel::Counters> counters_ = std::make_shared<tunnel::Counters>();
  Files files_;              // a channel of shell_
  Clock::time_point moved_;  // when something last did, either way
  Clock::time_point until_;
  std::optional<Ending> ending_;
};

}  // namespace cfpipe::edge::terminal
