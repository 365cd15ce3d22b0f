#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "edge/handlers/applications.h"
#include "edge/handlers/context.h"
#include "edge/identity/service_tokens.h"
#include "edge/policy/identity.h"

namespace cfpipe::edge {

/// The credentials of one request to an application, checked.
struct Visitor {
  std::optional<Identity> identity;
  bool by_header = false;  ///< the credentials were sent on purpose, not by a browser of its own accord
  bool shows_service_token = false;  ///< the request has its headers; good or not
  std::string fault;                 ///< why it is not good
};

/// Checks the credentials of requests: service tokens, application tokens, org tokens, each against what has
/// been revoked.
class Authenticator {
 public:
  explicit Authenticator(EdgeContext& context)
      : context_(context), service_tokens_(context.store.service_tokens()) {}

  /// A header that is there decides alone: a client that sends bad credentials is not let in by an old
  /// cookie.
  Visitor visitor(const Request& request, const Application& app);
  /// The identities that have signed in at the applications of the host, by sign-in; the request may name one
  /// application by its `aud`.
  std::map<std::string, Identity> identities_at(const Request& request, const Place& place);
  /// The identity in an application token; nothing if the token is of another application, or revoked.
  std::optional<Identity> check_app(std::string_view token, const Application& app) const;
  /// The identity in an org token, of a browser or of a program.
  std::optional<Identity> check_org(const Request& request) const;
  /// The person who has signed in in this browser: no program's org token, and no cookie that another host
  /// has planted.
  std::optional<Identity> browser_session(const Request& request) const;
  /// The person whose program shows the org token of its login, in the header Cf-Access-Token: no cookie,
  /// which a browser sends of its own accord, and no browser's token.
  std::optional<Identity> program_session(const Request& request) const;
  /// True if the identity's sign-in was revoked, or the store cannot be read.
  bool revoked(const Identity& identity) const;

  /// What a tunnel was opened with.
  struct Credentials {
    const std::string& who;
    const std::string& client_id;
    const std::string& session;
    std::int64_t issued;
  };
  /// True if an open tunnel's credentials were revoked. A store failure or an expired token does not close
  /// open tunnels.
  bool no_longer_good(const Credentials& shown) const;

 private:
  EdgeContext& context_;
  ServiceTokens service_tokens_;
};

}  // namespace cfpipe::edge
