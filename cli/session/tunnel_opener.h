#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "base/error.h"
#include "cli/session/published_session.h"
#include "cli/session/resumption.h"
#include "cli/session/session.h"
#include "transport/websocket/tunnel_source.h"
#include "tunnel/stream.h"

namespace cfpipe::cli {

/// State that open(), certify_agent() and look_after() of one tunnel share.
struct TunnelProgress {
  bool open = false;
  std::optional<Result<void>> certificate;     ///< result of certify_agent(), once it has ended
  std::shared_ptr<const bool> check;           ///< set if the application is checked beside this tunnel
  std::unique_ptr<Resumption> resumption;      ///< of a tunnel that may lose its connection
  std::unique_ptr<PublishedTunnel> published;  ///< once it is open

  /// The tunnel needs no login any more, and starts no program.
  bool is_settled() const { return open && certificate && certificate->has_value(); }
};

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

  // Of each tunnel, certify_agent() runs beside open() and the relay, and look_after() beside the relay: see
  // run_with_companion(). Opener and progress outlive these awaits.

  /// Gets credentials and dials; once more with a new token if the edge rejected the first. Key files, if
  /// requested, are made during the dial and exist when it returns. Failures: state to upgrade. If the dial
  /// succeeds, but certify_agent() has failed by then, returns that failure.
  boost::asio::awaitable<Result<std::unique_ptr<tunnel::Stream>>> open(TunnelProgress& progress);
  /// Makes the agent's certificate; succeeds at once without an agent. What asks the agent waits for the
  /// certificate, the tunnel does not. Returns a failure only if the tunnel is open by then, which has to
  /// end.
  boost::asio::awaitable<Result<void>> certify_agent(TunnelProgress& progress);
  /// Brings the tunnel to a new connection whenever it has lost one, where the edge keeps it meanwhile;
  /// publishes its state; and verifies the cached application again if that is due, beside one tunnel at a
  /// time. Does not fail.
  boost::asio::awaitable<Result<void>> look_after(TunnelProgress& progress);

  /// Tells `cfpipe status` of this process before it has a tunnel; with one, look_after() does.
  void publish();

  /// True if ssh was offered the certificate and did not use it, and no warning about it was printed.
  bool certificate_was_declined() const;
  /// Type of the key generated for the last certificate; nothing if that is for a key of the user.
  std::optional<auth::KeyType> made_key_type() const;

 private:
  struct Impl;
  explicit TunnelOpener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cfpipe::cli
