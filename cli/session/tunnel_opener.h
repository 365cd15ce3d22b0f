#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "cli/session/session.h"
#include "transport/websocket/tunnel_source.h"
#include "tunnel/relay.h"

namespace cfpipe::cli {

/// Opens tunnels to the application of a session, one or many at once. What is needed for that (the
/// application, a token, a certificate) is taken from the state directory while it is good there; else it is
/// requested once, and all callers that need it wait for that.
class TunnelOpener {
 public:
  /// Session and options outlive the opener. If the options name an agent, its socket exists from now on,
  /// since ssh asks the agent after the first bytes of the tunnel. Stage::state.
  static Result<std::unique_ptr<TunnelOpener>> make(boost::asio::any_io_executor executor, Session& session,
                                                    const Options& options);
  ~TunnelOpener();
  TunnelOpener(const TunnelOpener&) = delete;
  TunnelOpener& operator=(const TunnelOpener&) = delete;

  /// Gets credentials and dials; once more with a new token if the edge rejected the first. Key files, if
  /// requested, are made during the dial and exist when it returns. Failures: state to upgrade. The opener
  /// outlives the await.
  boost::asio::awaitable<Result<std::unique_ptr<tunnel::Stream>>> open();

  /// Relays between the open tunnel and the caller's stream until both have ended; a Failure if the far end
  /// is no working tunnel.
  using Pump = std::function<boost::asio::awaitable<Result<tunnel::Outcome>>(tunnel::Stream& tunnel)>;
  /// Opens a tunnel and pumps. The agent's certificate is made meanwhile: what asks the agent waits for it,
  /// the tunnel does not; if there will be none, the pump is cancelled, and that is the Failure. Beside the
  /// pump an application that is due is looked at again, beside one tunnel at a time.
  boost::asio::awaitable<Result<tunnel::Outcome>> carry(const Pump& pump);

  /// True if ssh was offered the certificate and did not use it, and no warning about it was printed.
  bool certificate_was_declined() const;
  /// Type of the key generated for the last certificate; nothing if that is for a key of the user.
  std::optional<auth::KeyType> made_key_type() const;

  /// `settled` is called once, when the tunnel of a carry() is open and its certificate, if the agent is to
  /// have one, has been made: that tunnel needs no login any more, and starts no program.
  void on_settled(std::function<void()> settled);

 private:
  struct Impl;
  explicit TunnelOpener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cfpipe::cli
