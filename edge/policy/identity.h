#pragma once

#include <cstdint>
#include <string>

#include "edge/policy/claim_map.h"
#include "edge/policy/groups.h"

namespace cfpipe::edge {

/// Who holds an org token: the browser in which a person has signed in, or a program that was let in there.
/// The dashboard and its API are for browsers alone. Tokens that do not say it are a program's.
enum class Holder { browser, program };

/// Who a token speaks for: a person, or a service token.
struct Identity {
  std::string email;          ///< of a person
  std::string provider;       ///< name of the identity provider that a person has signed in at
  Groups groups;              ///< those of a person that the policies of this edge name
  Claims claims;              ///< those of a person that certificates of this edge are made with
  std::string client_id;      ///< of a service token; the claim is common_name
  std::string service_token;  ///< its name; looked up when a token is checked, not in the token
  std::string subject;        ///< stable for one person; empty for a service token
  std::string nonce;          ///< of one sign-in
  std::int64_t issued = 0;
  std::int64_t expires = 0;
  Holder holder = Holder::program;  ///< of an org token

  /// What the audit, certificates and people call it.
  const std::string& name() const { return email.empty() ? service_token : email; }
};

}  // namespace cfpipe::edge
