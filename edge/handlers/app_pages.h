#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "edge/handlers/applications.h"
#include "edge/handlers/authenticator.h"
#include "edge/handlers/context.h"
#include "edge/handlers/gate.h"
#include "edge/handlers/sign_in_outcome.h"
#include "edge/identity/login_links.h"
#include "edge/identity/transfer_store.h"

namespace cfpipe::edge {

/// Lifetime of the leave to hand tokens to a program, in seconds.
inline constexpr std::int64_t kCliGrantSeconds = 2 * 60;
/// Where a program asks for a short link to its login page, at the auth domain, and what such links begin
/// with.
inline constexpr std::string_view kCliLinkPath = "/cdn-cgi/access/cli-link";
inline constexpr std::string_view kLinkPath = "/l/";
/// Largest body of such a request, in bytes: a login page's address with room to spare.
inline constexpr std::size_t kMaxLinkRequestBytes = 4 * 1024;

/// Whether a path is that of a short link. People type it, and QR codes have it in upper case.
bool is_short_link(std::string_view path);

/// The application host's own pages: the end of a sign-in, and the hand-over of tokens to a program, with the
/// short links that lead there.
class AppPages {
 public:
  /// All outlive it. `applications` changes with a reload.
  AppPages(EdgeContext& context, const ApplicationTable& applications, Authenticator& credentials, Gate& gate,
           SignInOutcome& outcome, TransferStore& transfers, LoginLinks& links)
      : context_(context),
        applications_(applications),
        credentials_(credentials),
        gate_(gate),
        outcome_(outcome),
        transfers_(transfers),
        links_(links) {}

  /// Makes a sign-in's code into the application's cookie.
  Answer authorized(const Request& request);
  /// Seals a person's tokens for the program that waits for them. `app` may be null.
  Answer cli(const Request& request, const Application* app);
  /// Answers a program that wants a short link to its login page, `{"url":…,"seconds":N}`.
  Answer make_link(const Request& request);
  /// Leads from such a link to the page.
  Answer follow_link(const Request& request);
  /// What /get-identity says.
  Answer identity(const std::optional<Identity>& who) const;

 private:
  std::optional<ProgramLogin> program_login(std::string_view url) const;

  EdgeContext& context_;
  const ApplicationTable& applications_;
  Authenticator& credentials_;
  Gate& gate_;
  SignInOutcome& outcome_;
  TransferStore& transfers_;
  LoginLinks& links_;
};

}  // namespace cfpipe::edge
