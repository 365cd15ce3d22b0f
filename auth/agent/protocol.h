#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "auth/agent/session_binding.h"
#include "auth/ssh/certificate.h"
#include "auth/ssh/key.h"

namespace cfpipe::auth {

/// Largest agent message, in bytes (OpenSSH's own bound).
inline constexpr std::uint32_t kMaxAgentMessage = 256 * 1024;

/// Message numbers (draft-miller-ssh-agent, 5.1).
enum AgentMessage : std::uint8_t {
  kAgentFailure = 5,
  kAgentSuccess = 6,
  kAgentRequestIdentities = 11,
  kAgentIdentitiesAnswer = 12,
  kAgentSignRequest = 13,
  kAgentSignResponse = 14,
  kAgentExtension = 27,
};

/// Cuts a byte stream into agent messages. Sans-IO.
class AgentFramer {
 public:
  void feed(std::string_view bytes) { pending_.append(bytes); }
  /// The next whole message, without its length; nothing before more has been fed, or if broken().
  std::optional<std::string> next();
  /// True after a length out of bounds: the stream cannot be read any more.
  bool broken() const { return broken_; }

 private:
  std::string pending_;
  bool broken_ = false;
};

/// The requests of one ssh-agent client (draft-miller-ssh-agent), answered for one certificate, whose key is
/// here or in another agent. Sans-IO.
///
/// Identities: the certificate and nothing else. Signs with its key only, and in a session that ssh has bound
/// the connection to (session-bind@openssh.com) nothing but that session's login. On a connection that was
/// forwarded to a host there are no identities, unless that is allowed. Once `now` reaches the certificate's
/// end there are none either. Everything else (adding, removing, locking …) is answered with failure.
class AgentSession {
 public:
  /// The response; or, with `ask_other`, a sign request for the agent that has the key, whose response is
  /// passed on.
  struct Answer {
    std::string bytes;
    bool ask_other = false;
  };

  AgentSession() = default;
  AgentSession(const SshKey* key, const Certificate* certificate) : key_(key), certificate_(certificate) {}
  /// Sets key and certificate from the next request on; both outlive this object. Without a certificate there
  /// are no identities; without a key, another agent signs.
  void use(const SshKey* key, const Certificate* certificate);
  void allow_forwarding(bool allowed) { forwarding_allowed_ = allowed; }

  Answer answer(std::string_view request, std::uint64_t now);

  /// True if a request was rejected only because the agent had been forwarded.
  bool refused_forwarding() const { return refused_forwarding_; }
  const SessionBindings& bindings() const { return bindings_; }

 private:
  std::string identities(std::uint64_t now);
  Answer sign(SshReader reader, std::uint64_t now);
  bool usable(std::uint64_t now);
  const SshKey* key_ = nullptr;
  const Certificate* certificate_ = nullptr;
  SessionBindings bindings_;
  bool forwarding_allowed_ = false;
  bool refused_forwarding_ = false;
};

}  // namespace cfpipe::auth
