#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "edge/handlers/applications.h"
#include "edge/handlers/authenticator.h"
#include "edge/handlers/context.h"
#include "edge/handlers/return_link.h"
#include "edge/policy/policy.h"

namespace cfpipe::edge {

/// Lifetime of a sign-in from the first redirect to the form, in seconds.
inline constexpr std::int64_t kLoginSeconds = 15 * 60;
/// Longest redirect_url that is taken, in bytes; longer ones lead to the application's front page.
inline constexpr std::size_t kMaxTargetBytes = 4 * 1024;

/// Where a redirect_url leads on the application, as path and query; nothing unless it is a path, or an https
/// URL of exactly this authority.
std::optional<std::string> safe_target(std::string_view redirect_url, std::string_view authority);

/// Stands in front of the applications: lets a request pass, sends it to the sign-in, or says why not.
class Gate {
 public:
  /// Both outlive it.
  Gate(EdgeContext& context, Authenticator& credentials) : context_(context), credentials_(credentials) {}

  /// Answers a request to the application that is no tunnel.
  Answer answer(const Request& request, const Application& app);
  /// The redirect to the sign-in, which leads back to what was asked for.
  Answer challenge(const Request& request, const Application& app) const;
  /// The answer to a visitor who may not pass: to the sign-in where that can help, else the reason.
  Answer turned_away(const Request& request, const Application& app, const Visitor& who,
                     const Verdict& verdict);
  /// The answer to an identity that the policies do not admit. `back`: what was asked for.
  Answer denied(const Request& request, const Application& app, const Identity& identity,
                const Verdict& verdict, const WayBack& back);

 private:
  Answer front_page(const Request& request, const Application& app,
                    const std::optional<Identity>& identity) const;
  Answer refused_service_token(const Request& request, const Application& app, const std::string& fault);
  void add_service_cookie(const Request& request, const Application& app, const Identity& identity,
                          Answer& answer);

  EdgeContext& context_;
  Authenticator& credentials_;
};

}  // namespace cfpipe::edge
