#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <string_view>

#include "edge/ca/ssh_ca.h"
#include "edge/handlers/applications.h"
#include "edge/handlers/authenticator.h"
#include "edge/handlers/context.h"
#include "edge/limits/attempts.h"
#include "edge/limits/fair_slots.h"

namespace cfpipe::edge {

inline constexpr std::string_view kCertSignPath = "/cdn-cgi/access/cert_sign";
/// Certificates that are being signed at once, of one person, and in all; those behind them wait.
inline constexpr FairSlots::Limits kSigningSlots{64, 8, 1024, 128, std::chrono::milliseconds(10'000)};

/// Issues short-lived SSH certificates: each is counted for its person, and recorded before it is handed out.
class CertificateIssuer {
 public:
  /// All outlive it.
  CertificateIssuer(EdgeContext& context, SshCa& ssh_ca)
      : context_(context), ssh_ca_(ssh_ca), signings_(context.executor, kSigningSlots) {}

  /// Certificates of one person a minute, from now on; 0: no limit.
  void set_limit(std::size_t per_minute) { attempts_.set_limit(per_minute); }

  /// Answers POST /cdn-cgi/access/cert_sign, for the holder of an application token. `credentials` and
  /// `applications` outlive the await.
  boost::asio::awaitable<Answer> answer(const Request& request, const Authenticator& credentials,
                                        const ApplicationTable& applications);
  /// Signs the key for the identity and records it. Cause::key_unusable; sign_refused: there is no user it
  /// could be for; too_many_requests; others: not now. The arguments outlive the await.
  boost::asio::awaitable<Result<IssuedCertificate>> certify(const Request& request,
                                                            const ApplicationConfig& app,
                                                            const Identity& identity,
                                                            std::string_view key_line);
  /// Logs which CA's agent does not have its key.
  boost::asio::awaitable<void> check_agents(ApplicationTable::Apps apps);

 private:
  EdgeContext& context_;
  SshCa& ssh_ca_;
  Attempts attempts_{0};  ///< signed, by person
  FairSlots signings_;
};

}  // namespace cfpipe::edge
