#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "auth/discovery/context.h"

namespace cfpipe::auth {

/// Requests of one exchange at most: an honest chain has three.
inline constexpr int kMaxExchangeRequests = 10;

/// The redirect walk that turns an org token into an app token (access-protocol, "Login", 2), one step at a
/// time and without a socket: send request(), give its answer to take(), until that has a verdict.
/// The org token only ever goes to the login path of the application's own auth domain, and the session
/// cookie only back to the host that set it; a redirect to any third host ends the walk.
class ExchangeWalk {
 public:
  ExchangeWalk(const transport::Url& app, const Application& application, const Secret& org_token);

  transport::HttpRequest request() const;
  /// The next request is the one that takes the org token.
  bool at_login() const;

  enum class Verdict { again, token, none, denied };
  Verdict take(const transport::HttpAnswer& answer);

  Secret token();                           ///< after Verdict::token, once
  std::string why() const { return why_; }  ///< after none or denied: printable

 private:
  Verdict none(std::string why);
  transport::Url at_;
  transport::Url app_;
  std::string auth_domain_;
  const Secret* org_token_;
  Secret session_;
  transport::Url session_from_;
  Secret token_;
  std::string why_;
  int requests_ = 0;
};

/// Runs the walk; where discovery has just seen its first answer, from there. Nothing: the org token does not
/// open this application. A Failure: dns to http, and Cause::denied if the edge says whom it keeps out and
/// why: then another login as the same person is of no use.
boost::asio::awaitable<Result<std::optional<Secret>>> exchange_org_token(const Access& access,
                                                                         const Application& application,
                                                                         const Secret& org_token);

}  // namespace cfpipe::auth
