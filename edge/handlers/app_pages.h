#pragma once

#include <cstdint>
#include <optional>

#include "edge/handlers/applications.h"
#include "edge/handlers/authenticator.h"
#include "edge/handlers/context.h"
#include "edge/handlers/gate.h"
#include "edge/handlers/sign_in_outcome.h"
#include "edge/identity/transfer_store.h"

namespace cfpipe::edge {

/// Lifetime of the leave to hand tokens to a program, in seconds.
inline constexpr std::int64_t kCliGrantSeconds = 2 * 60;

/// The application host's own pages: the end of a sign-in, and the hand-over of tokens to a program.
class AppPages {
 public:
  /// All outlive it. `applications` changes with a reload.
  AppPages(EdgeContext& context, const ApplicationTable& applications, Authenticator& credentials, Gate& gate,
           SignInOutcome& outcome, TransferStore& transfers)
      : context_(context),
        applications_(applications),
        credentials_(credentials),
        gate_(gate),
        outcome_(outcome),
        transfers_(transfers) {}

  /// Makes a sign-in's code into the application's cookie.
  Answer authorized(const Request& request);
  /// Seals a person's tokens for the program that waits for them. `app` may be null.
  Answer cli(const Request& request, const Application* app);
  /// What /get-identity says.
  Answer identity(const std::optional<Identity>& who) const;

 private:
  EdgeContext& context_;
  const ApplicationTable& applications_;
  Authenticator& credentials_;
  Gate& gate_;
  SignInOutcome& outcome_;
  TransferStore& transfers_;
};

}  // namespace cfpipe::edge
