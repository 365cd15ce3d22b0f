#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/discovery/context.h"

namespace cfpipe::auth {

/// Requests of one walk at most: an honest one takes two.
inline constexpr int kMaxWalkRequests = 10;
/// What an application is, where the edge signs nothing about it: found out from where it redirects to
/// (access-protocol, "Older edges"), one step at a time and without a socket. Give it the answer to a request
/// without credentials for the application, then send request() and give that answer to take(), until there
/// is a verdict.
///
/// Whoever answers for a host could send us to the login of somebody else's application, to be shown the
/// token for that one. So nobody but the application's host and a trusted auth domain is asked anything, and
/// what counts is what the auth domain says (in CF-Access-Domain) about the AUD in the redirect: it has to be
/// an application that covers the host.
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
  const transport::Failure& failure() const { return failure_; }
  const transport::Url& at() const { return at_; }  ///< whose answer was taken last

 private:
  Verdict failed(transport::Cause cause, std::string why);
  Verdict found(std::string_view aud, std::string_view domain, std::string auth_domain);
  Verdict refused(const transport::HttpAnswer& answer);

  const transport::Url& app_;
  const TrustedDomains& trusted_;
  std::string named_domain_;
  transport::Url at_;
  bool at_login_ = false;
  int requests_ = 1;
  Application application_;
  transport::Failure failure_;
};

/// Runs the walk, from the answer that the application has given already if it was asked without credentials.
boost::asio::awaitable<Result<Application>> discover_by_redirects(
    const Access& access, std::optional<transport::HttpAnswer> first_answer);

}  // namespace cfpipe::auth
