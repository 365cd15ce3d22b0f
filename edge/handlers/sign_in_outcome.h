#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/token/sealed_box.h"
#include "edge/handlers/applications.h"
#include "edge/handlers/context.h"
#include "edge/handlers/gate.h"
#include "edge/handlers/tunnel_authority.h"
#include "edge/identity/transfer_store.h"
#include "edge/limits/outstanding.h"

namespace cfpipe::edge {

/// Lifetime of the code that carries a sign-in's result to the application, in seconds.
inline constexpr std::int64_t kCodeSeconds = 60;
/// Codes of one person that wait for the application to take them, of kMaxPending.
inline constexpr std::size_t kMaxCodesOfPerson = 32;

/// A sign-in under way, as the login page and its form carry it.
struct Login {
  std::shared_ptr<const Application> app;
  std::string host;          ///< of the application, where it began
  std::string session_hash;  ///< of the session cookie that began it
  std::string target;        ///< on the application, safe
  bool exchange = false;     ///< a program shows its org token
};

/// 429 to an address that has tried something too often, and may try again in `wait` seconds.
Answer too_often(std::string_view title, const Request& request, std::int64_t wait);

/// What a sign-in comes to, whichever way the person went: a session and a code for the application, a
/// question on behalf of a program, or a denial.
class SignInOutcome {
 public:
  /// All outlive it.
  SignInOutcome(EdgeContext& context, Gate& gate, TunnelAuthority& tunnels, TransferStore& transfers)
      : context_(context), gate_(gate), tunnels_(tunnels), transfers_(transfers) {}

  /// Begins a session at all applications, and gives `identity` its name and times. False: it cannot be
  /// recorded, and does not begin.
  bool start_session(const Request& request, const Login& login, Identity& identity);
  /// Adds the cookie of that session.
  void set_session(const Identity& identity, Answer& answer) const;
  /// Leaves a one-time code for the application's /authorized. `asked`: the person saw what they agree to.
  Answer finish(const Login& login, const Identity& identity, bool asked);
  /// What finish() left; nothing if the code was taken, or is too old. Good for one call.
  Result<std::optional<boost::json::object>> take_code(const std::string& code);

  /// Asks a person who has signed in whether a program may have their tokens.
  Answer confirm_page(const Request& request, const Login& login, const Identity& identity) const;
  /// What the person agrees to by going on, as HTML; empty where no program asks.
  std::string consent(const Login& login) const;
  /// The hidden field of a form: the sign-in, tied to a cookie of this browser, so that no other site can
  /// post it.
  std::string form_state(const Request& request, const Login& login, Answer& answer) const;

  /// The answer where the policies do not admit the person; tells a program that waits for this sign-in.
  Answer denied(const Request& request, const Login& login, const Identity& identity, const Verdict& verdict);
  /// The answer to a person who did not agree.
  Answer declined(const Request& request, const Login& login, const Identity& identity);

 private:
  void tell_program(const std::string& target, const Identity& identity,
                    const auth::TransferRefusal& refusal);

  EdgeContext& context_;
  Gate& gate_;
  TunnelAuthority& tunnels_;
  TransferStore& transfers_;
  Outstanding codes_{kMaxCodesOfPerson, static_cast<std::size_t>(kMaxPending)};
};

}  // namespace cfpipe::edge
