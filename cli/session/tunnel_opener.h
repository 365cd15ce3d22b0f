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
/// asked for once, whoever waits for it meanwhile.
class TunnelOpener {
 public:
  /// Session and options outlive the opener. With an agent in the options its socket is there from now on:
  /// ssh asks it only after bytes of ours have reached it. Stage::state.
  static Result<std::unique_ptr<TunnelOpener>> make(boost::asio::any_io_executor executor, Session& session,
                                                    const Options& options);
  ~TunnelOpener();
  TunnelOpener(const TunnelOpener&) = delete;
  TunnelOpener& operator=(const TunnelOpener&) = delete;

  /// Credentials, then the dial; once more with a new token if the edge did not take the first. If key files
  /// are wanted they are made beside the dial, and there afterwards. Any Failure from state to upgrade. The
  /// opener outlives the await.
  boost::asio::awaitable<Result<std::unique_ptr<tunnel::Stream>>> open();

  /// Relays between the open tunnel and whatever the caller has, to the end of both; a Failure if that was no
  /// proper tunnel.
  using Pump = std::function<boost::asio::awaitable<Result<tunnel::Outcome>>(tunnel::Stream& tunnel)>;
  /// Opens a tunnel and pumps. The agent's certificate is made meanwhile: what asks the agent waits for it,
  /// the tunnel does not; if there will be none, the pump is cancelled, and that is the Failure. Beside the
  /// pump an application that is due is looked at again, beside one tunnel at a time.
  boost::asio::awaitable<Result<tunnel::Outcome>> carry(const Pump& pump);

  /// True if the certificate was there for ssh, nothing was said about it here, and ssh had no use for it.
  bool certificate_was_declined() const;
  /// Of the key that was made for the last certificate; nothing if that is over one of the user's.
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
