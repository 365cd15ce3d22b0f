#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "auth/ssh/wire.h"

namespace cfpipe::auth {

/// Most SSH sessions that one agent connection is bound to: hops of a forwarded agent and the last one
/// (OpenSSH's own bound).
inline constexpr std::size_t kMaxBindings = 16;
/// Largest session-bind request, in bytes: a host certificate and a signature, with room.
inline constexpr std::size_t kMaxBindBytes = 32 * 1024;

inline constexpr std::string_view kSessionBindExtension = "session-bind@openssh.com";

/// The SSH sessions that ssh has bound an agent connection to (PROTOCOL.agent, 1). Sans-IO; one object for
/// each connection.
class SessionBindings {
 public:
  /// Takes a whole request, whose reader stands behind the extension's name. True: the host key's signature
  /// over the session is valid, and the session is remembered. A malformed request, or one that another key
  /// has signed, spoils the connection: nothing is permitted on it any more. A host key of an unknown kind is
  /// rejected and changes nothing.
  bool bind(SshReader reader, std::string_view request);

  /// True if the agent was forwarded to a host: the client may be there.
  bool forwarded() const;
  bool spoilt() const { return spoilt_; }

  /// Whether `data` may be signed for one of the two keys: anything on a connection that was never bound, or
  /// not by the last hop; else only a login (RFC 4252 7, and OpenSSH's host-bound form) in the session that
  /// was bound last, and to its host key.
  bool permit(std::string_view data, std::string_view certificate_blob, std::string_view key_blob) const;

  /// The accepted requests as received, to pass on to another agent.
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  struct Binding {
    std::string host_key;
    std::string session;
    bool forwarding;
  };
  bool add(Binding binding);
  std::vector<Binding> bindings_;
  std::vector<std::string> requests_;
  bool spoilt_ = false;
};

}  // namespace cfpipe::auth
