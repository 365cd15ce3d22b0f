#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "auth/ssh/key_and_certificate.h"

namespace cfpipe::auth {

/// Most clients at once; a further one is disconnected.
inline constexpr std::size_t kMaxAgentClients = 64;
/// Timeout for the certificate, from the client's connect on. After it there are no identities.
inline constexpr std::chrono::milliseconds kIdentityWait{30'000};
/// Timeout for a client that neither sends nor reads; it is disconnected.
inline constexpr std::chrono::milliseconds kAgentSilence{600'000};

struct AgentServerOptions {
  explicit AgentServerOptions(std::string socket_path) : path(std::move(socket_path)) {}
  std::string path;
  std::chrono::milliseconds identity_wait = kIdentityWait;
  /// Serves clients on a host that the agent was forwarded to (`ssh -A`), too.
  bool allow_forwarding = false;
  /// Called once, when a client on such a host was rejected.
  std::function<void()> refused_forwarding;
};

/// An ssh-agent at a Unix-domain socket, for this user only, with one certificate. Its key is in memory here,
/// or in the user's own agent, which then makes the signatures.
///
/// Several processes may use one path: each puts its socket there whole (made under another name, renamed
/// over), so the newest is found at the path while the clients of earlier ones go on being served. A server
/// whose socket was replaced takes the path back when its successor has removed it, so that an ssh which has
/// not asked yet still finds an agent.
class AgentServer {
 public:
  /// Makes the socket (0600) and serves it on `executor`, one thread. Stage::state; the path in detail.
  static Result<std::unique_ptr<AgentServer>> open(boost::asio::any_io_executor executor,
                                                   const AgentServerOptions& options);
  /// Removes the socket if it is still this server's, and disconnects its clients.
  ~AgentServer();
  AgentServer(const AgentServer&) = delete;
  AgentServer& operator=(const AgentServer&) = delete;

  /// Announces another pair: requests wait for it unless the present one is still valid.
  void expect();
  /// Answers requests from this pair from now on. A later call replaces it, from each client's next request
  /// on.
  void offer(std::shared_ptr<const KeyAndCertificate> identity);
  /// The same for a key in the agent at `other_agent`: permitted sign requests are passed on to that one,
  /// with ssh's session bindings.
  void offer(std::shared_ptr<const Certificate> certificate, std::string other_agent);
  /// Announces that there will be no certificate: waiting requests are answered at once, without identities.
  void give_up();
  /// Number of connected clients.
  std::size_t clients() const;
  /// True if an ssh was told of the certificate and none requested a signature with it. False if another
  /// server has been at the path, which may have had the requests.
  bool was_declined() const;

 private:
  struct Impl;
  explicit AgentServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace cfpipe::auth
