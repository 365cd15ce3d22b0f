#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "auth/ssh/key_and_certificate.h"

namespace cfpipe::auth {

/// Clients that are served at the same time; one more is hung up on.
inline constexpr std::size_t kMaxAgentClients = 64;
/// How long a client's requests wait for the certificate, from when it connected. Then there are no
/// identities.
inline constexpr std::chrono::milliseconds kIdentityWait{30'000};
/// A client that neither sends nor takes anything for so long is hung up on.
inline constexpr std::chrono::milliseconds kAgentSilence{600'000};

struct AgentServerOptions {
  explicit AgentServerOptions(std::string socket_path) : path(std::move(socket_path)) {}
  std::string path;
  std::chrono::milliseconds identity_wait = kIdentityWait;
  /// Serve also those who reach the agent from a host it was forwarded to (`ssh -A`).
  bool allow_forwarding = false;
  /// Called once, when somebody there was refused.
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
  /// Removes the socket if it is still this server's, and hangs up on its clients.
  ~AgentServer();
  AgentServer(const AgentServer&) = delete;
  AgentServer& operator=(const AgentServer&) = delete;

  /// Another pair is being made: requests wait for it, unless the present one is still good.
  void expect();
  /// From here on requests are answered from this pair. Again, to replace it: clients see the new one from
  /// their next request.
  void offer(std::shared_ptr<const KeyAndCertificate> identity);
  /// The same for a key that stays in the agent at `other_agent`: what may be signed goes on to that one,
  /// with what ssh has said about its session.
  void offer(std::shared_ptr<const Certificate> certificate, std::string other_agent);
  /// There will be no certificate: waiting requests are answered at once, without identities.
  void give_up();
  /// Clients now connected.
  std::size_t clients() const;
  /// True if an ssh was told of the certificate and none had anything signed with it. False where another
  /// server has been at the path too: some may have asked that one.
  bool was_declined() const;

 private:
  struct Impl;
  explicit AgentServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace cfpipe::auth
