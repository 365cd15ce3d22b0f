#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "edge/http/proxy_header.h"
#include "edge/http/request.h"
#include "edge/listener/control_plane.h"
#include "edge/terminal/event.h"
#include "edge/terminal/messages.h"
#include "edge/terminal/ssh_client.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge::terminal {

/// Timeout for the origin's server, and for a question to the user.
inline constexpr std::chrono::seconds kServerTimeout{20};
inline constexpr std::chrono::seconds kPersonTimeout{120};
/// Logins that are tried on one connection.
inline constexpr int kMaxAttempts = 6;

/// A connection to the origin for an SshLogin, or why there is none. Both arguments outlive the await.
boost::asio::awaitable<std::variant<OriginSocket, Ending>> dial_for_login(const TunnelGrant& grant,
                                                                          const ConnectionEnds& ends);

/// What a login needs of the page that shows it. Used from the login's loop; all of it outlives the login.
struct LoginPage {
  /// Sends the page an event.
  std::function<void(const std::string& event)> tell;
  /// Waits until the page has sent something, the server has (unless it is null), or the deadline has passed.
  /// False: the session is over, and the login with it.
  std::function<boost::asio::awaitable<bool>(SshClient* server, Event::Clock::time_point deadline)> wait;
  /// Takes the credentials that the page has sent since the last call, if it has.
  std::function<std::optional<LogIn>()> take_credentials;
  /// Returns the terminal's size, which the page may change at any time.
  std::function<Size()> size;
};

struct LoginTimeouts {
  std::chrono::seconds server = kServerTimeout;
  std::chrono::seconds person = kPersonTimeout;
};

/// A shell at the origin, and the server that runs it.
struct Shell {
  std::unique_ptr<SshClient> ssh;
  std::string host_key;    ///< fingerprint
  bool first_use = false;  ///< the host key was recorded by this login
};

/// What became of a login: a shell, why there is none, or neither where the session was over before.
using LoginOutcome = std::variant<std::monostate, Shell, Ending>;

/// One login by SSH at an origin, for one user: the key exchange, the check of the host key, authentication
/// by a certificate or by what the page is asked for, and the shell. Runs in the coroutine that awaits run().
class SshLogin {
 public:
  /// `site` and `grant` outlive it.
  SshLogin(TerminalControl& site, const TunnelGrant& grant, SharedRequest request, std::string user,
           LoginPage page, LoginTimeouts timeouts = {});
  ~SshLogin();
  SshLogin(const SshLogin&) = delete;
  SshLogin& operator=(const SshLogin&) = delete;

  /// Called once. Without a shell the connection is closed when this is destroyed.
  boost::asio::awaitable<LoginOutcome> run(OriginSocket socket);

 private:
  boost::asio::awaitable<bool> exchange_keys(OriginSocket socket);
  boost::asio::awaitable<bool> check_host_key();
  boost::asio::awaitable<bool> log_in();
  boost::asio::awaitable<bool> log_in_by_certificate();
  boost::asio::awaitable<bool> log_in_by_asking(std::string error);
  boost::asio::awaitable<Step> try_with(LogIn& given, std::string& error);
  boost::asio::awaitable<Step> answer_questions(LogIn* given);
  boost::asio::awaitable<std::optional<LogIn>> ask(std::string event);
  boost::asio::awaitable<bool> open_shell();
  template <class Op>
  boost::asio::awaitable<Step> settle(Op& op);
  bool end(LoginOutcome outcome);
  bool broken_off();
  const std::string& host() const { return grant_.app_hostname; }

  TerminalControl& site_;
  const TunnelGrant& grant_;
  const SharedRequest request_;
  const std::string user_;
  const LoginPage page_;
  const LoginTimeouts timeouts_;
  std::unique_ptr<SshClient> ssh_;
  std::string recorded_;  ///< host key of the origin, as the site knows it; may be empty
  std::string host_key_;  ///< fingerprint of what the server shows
  bool first_use_ = false;
  std::optional<LoginOutcome> outcome_;  ///< of a login that has failed, or whose session is over
};

}  // namespace cfpipe::edge::terminal
