#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

#include "edge/handlers/applications.h"
#include "edge/handlers/authenticator.h"
#include "edge/handlers/context.h"
#include "edge/handlers/provider_sign_in.h"
#include "edge/handlers/sign_in_outcome.h"
#include "edge/limits/attempts.h"

namespace cfpipe::edge {

/// Below it, with the host of an application behind.
inline constexpr std::string_view kLoginPath = "/cdn-cgi/access/login/";

/// The auth domain's sign-in: its page, its form, and the way to an identity provider.
class SignIn {
 public:
  /// All outlive it. `applications` changes with a reload.
  SignIn(EdgeContext& context, const ApplicationTable& applications, Authenticator& credentials,
         ProviderSignIn& providers, SignInOutcome& outcome)
      : context_(context),
        applications_(applications),
        credentials_(credentials),
        providers_(providers),
        outcome_(outcome) {}

  /// Sign-ins that one address may begin a minute, from now on; 0: no limit.
  void set_limit(std::size_t per_minute) { attempts_.set_limit(per_minute); }

  /// Answers a link to the sign-in, for the application of a host.
  boost::asio::awaitable<Answer> login(const Request& request);
  /// Answers the provider's redirect, or a form of ours. An answer that came to nothing through the browser's
  /// own fault counts as another sign-in that was begun.
  boost::asio::awaitable<Answer> callback(const Request& request);

 private:
  boost::asio::awaitable<Answer> begin(const Request& request, Login login);
  boost::asio::awaitable<Answer> answer_form(const Request& request);
  boost::asio::awaitable<Answer> called_back(const Request& request);
  Answer dev_sign_in(const Request& request, const Login& login, std::string_view typed);
  std::optional<Answer> too_many(const Request& request);
  Answer form_page(const Request& request, const Login& login, std::string_view error) const;

  EdgeContext& context_;
  const ApplicationTable& applications_;
  Authenticator& credentials_;
  ProviderSignIn& providers_;
  SignInOutcome& outcome_;
  Attempts attempts_{0};  ///< begun and failed, by address
};

}  // namespace cfpipe::edge
