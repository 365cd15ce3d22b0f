#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>

#include "cli/session.h"
#include "transport/tunnel_source.h"
#include "tunnel/relay.h"

namespace cfpipe::cli {

/// Opens tunnels to the application of a session, one or many at once. What is needed for that (the
/// application, a token) is taken from the state directory while it is good there; else it is asked for once,
/// whoever waits for it meanwhile.
class TunnelOpener {
 public:
  /// Session and options outlive the opener. With an agent in the options its socket is there from now on:
  /// ssh asks it only after bytes of ours have reached it. Stage::state.
  static Result<std::unique_ptr<TunnelOpener>> make(boost::asio::any_io_executor executor, Session& session,
                                                    const Options& options);
  ~TunnelOpener();
  TunnelOpener(const TunnelOpener&) = delete;
  TunnelOpener& operator=(const TunnelOpener&) = delete;

  /// Credentials, then the dial, with the certificate being made beside it if one is wanted; once more with a
  /// new token if the edge did not take the first. Any Failure from state to upgrade. The opener outlives the
  /// await.
  boost::asio::awaitable<Result<std::unique_ptr<tunnel::Stream>>> open();

  /// Runs the relay to its end. Beside it an application that is due is looked at again, by one relay at a
  /// time.
  boost::asio::awaitable<tunnel::Outcome> carry(tunnel::Relay& relay);

 private:
  struct Impl;
  explicit TunnelOpener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cfpipe::cli
