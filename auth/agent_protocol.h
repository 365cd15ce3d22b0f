#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "auth/ssh_cert.h"
#include "auth/ssh_key.h"

namespace cfpipe::auth {

/// Largest agent message that is taken, in bytes (OpenSSH's own bound).
inline constexpr std::uint32_t kMaxAgentMessage = 256 * 1024;

/// The requests of an ssh-agent client (draft-miller-ssh-agent) answered for one key with its certificate.
/// Sans-IO: feed() takes any cut of the byte stream and returns the answers made so far.
/// Identities: the certificate first, then nothing else. Signs with that key only. session-bind@openssh.com
/// is answered with success after its signature over the session id has been checked for well-formedness;
/// everything else is answered with failure. Once `now` reaches the certificate's end there are no
/// identities.
class AgentSession {
 public:
  /// `key` and `certificate` outlive the session; certificate may be null until there is one (no identities).
  AgentSession(const SshKey* key, const Certificate* certificate) : key_(key), certificate_(certificate) {}
  /// From the next message on, this key and certificate.
  void use(const SshKey* key, const Certificate* certificate);
  /// Bytes from the client; answers are appended to `out`. False: the peer broke the framing or the bound,
  /// hang up.
  bool feed(std::string_view bytes, std::uint64_t now, std::string& out);

 private:
  std::string answer(std::string_view request, std::uint64_t now) const;
  std::string identities(std::uint64_t now) const;
  std::string sign(std::string_view key_blob, std::string_view data, std::uint64_t now) const;
  bool usable(std::uint64_t now) const;
  const SshKey* key_;
  const Certificate* certificate_;
  std::string pending_;
};

}  // namespace cfpipe::auth
