#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/handlers/applications.h"
#include "edge/handlers/context.h"
#include "edge/handlers/sign_in_outcome.h"
#include "edge/identity/replay_cache.h"
#include "edge/oidc/client.h"

namespace cfpipe::edge {

/// The provider's ID token, which says to it who signs out. Sent along to that page alone.
inline constexpr std::string_view kIdTokenCookie = "__Secure-cfpipe-id-token";
/// Where providers lead back to; one of several has its name behind a `/`. Forms of ours go there, too.
inline constexpr std::string_view kCallbackPath = "/cdn-cgi/access/callback";
/// On a link to the login: the identity provider that was chosen.
inline constexpr std::string_view kProviderParameter = "idp";

/// Signs people in at the identity providers, from the redirect that leads there to the one that leads on
/// from the answer.
class ProviderSignIn {
 public:
  /// One of the identity providers; a sign-in that waits for it keeps it.
  struct Provider {
    OidcConfig config;
    std::unique_ptr<Oidc> oidc;
  };
  using Providers = std::vector<std::shared_ptr<Provider>>;

  /// All outlive it. `applications` changes with a reload.
  ProviderSignIn(EdgeContext& context, const ApplicationTable& applications, SignInOutcome& outcome)
      : context_(context), applications_(applications), outcome_(outcome) {}

  /// The providers of a configuration, in its order; none unless people sign in there.
  static Result<Providers> make_providers(const EdgeContext& context, const Config& config);
  /// From now on. A sign-in that is under way at one of those before starts again.
  void use(Providers providers) { providers_ = std::move(providers); }

  bool any() const { return !providers_.empty(); }
  /// Those that may vouch for people of the application.
  Providers of(const Application& app) const;
  /// The page on which a person chooses one.
  Answer choice_page(const Request& request, const Login& login, const Providers& providers) const;
  /// Leads to the provider.
  boost::asio::awaitable<Answer> begin(const Request& request, Login login,
                                       std::shared_ptr<Provider> provider);
  /// Answers what comes back from one.
  boost::asio::awaitable<Answer> finish(const Request& request);
  /// Where the browser signs out at the provider that the person signed in at; nothing if there is none to
  /// ask.
  boost::asio::awaitable<std::optional<std::string>> sign_out_url(const Request& request,
                                                                  std::optional<Identity> identity);
  /// Logs what is wrong with the identity providers.
  boost::asio::awaitable<void> check_providers();
  /// What requests to each provider have met, by its name.
  std::map<std::string, ProviderHealth, std::less<>> health() const;

 private:
  std::shared_ptr<Provider> find(std::string_view name) const;
  AuthorizationRequest request_of(const std::string& state, const Provider& provider) const;
  boost::asio::awaitable<Answer> redeem(const Request& request, Login login, std::string state,
                                        std::shared_ptr<Provider> provider);
  Answer signed_in(const Request& request, const Login& login, const Person& person,
                   const OidcConfig& provider);
  Answer not_signed_in(const Request& request, const Login& login, const Failure& failure);

  EdgeContext& context_;
  const ApplicationTable& applications_;
  SignInOutcome& outcome_;
  Providers providers_;
  UsedOnce states_;  ///< of sign-ins that came back
};

}  // namespace cfpipe::edge
