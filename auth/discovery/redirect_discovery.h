#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/discovery/context.h"

namespace cfpipe::auth {

/// Most requests of one walk; an honest edge needs two.
inline constexpr int kMaxWalkRequests = 10;
/// Discovery by redirects, for edges that sign no metadata (access-protocol, "Older edges"). Sans-IO: give
/// take() the response to an unauthenticated request for the application, then send request() and give it
/// that response, until there is a verdict.
///
/// A malicious host could redirect to the login of another application, to receive the token for that one. So
/// requests go only to the application's host and to a trusted auth domain. The answer is what the auth
/// domain says (CF-Access-Domain) about the AUD in the redirect: it must be an application that covers the
/// host.
class RedirectWalk {
 public:
  /// `named_domain`: the auth domain of a host that refuses outright, which names none. May be empty.
  RedirectWalk(const transport::Url& app, const TrustedDomains& trusted, std::string_view named_domain);

  enum class Verdict { again, found, failed };
  Verdict take(const transport::HttpAnswer& answer);

  transport::HttpRequest request() const;                          ///< after Verdict::again
  const Application& application() const { return application_; }  ///< after Verdict::found
  /// After Verdict::failed: not_an_application, untrusted_auth_domain, metadata_invalid, denied.
  /// Stage::application.
  const Failure& failure() const { return failure_; }
  const transport::Url& at() const { return at_; }  ///< whose answer was taken last

 private:
  Verdict failed(Cause cause, std::string why);
  Verdict found(std::string_view aud, std::string_view domain, std::string auth_domain);
  Verdict refused(const transport::HttpAnswer& answer);

  const transport::Url& app_;
  const TrustedDomains& trusted_;
  std::string named_domain_;
  transport::Url at_;
  bool at_login_ = false;
  int requests_ = 1;
  Application application_;
  Failure failure_;
};

/// Runs the walk, starting at `first_answer` if there was an unauthenticated request already.
boost::asio::awaitable<Result<Application>> discover_by_redirects(
    const Access& access, std::optional<transport::HttpAnswer> first_answer);

}  // namespace cfpipe::auth
