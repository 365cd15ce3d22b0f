#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace cfpipe {

/// The step between the command line and the open tunnel that failed. Messages begin with its name.
enum class Stage {
  input,
  config,
  state,
  listen,
  dns,
  proxy,
  tcp,
  tls,
  http,
  application,
  login,
  token,
  certificate,
  upgrade,
  tunnel
};

/// The kind of a failure: one value for each message of the client. `cli/console/messages` has its text and
/// its exit status.
enum class Cause {
  // input, config, state
  bad_hostname,
  bad_url,
  bad_header,
  bad_option,
  state_unreadable,
  state_foreign_owner,
  state_writable_by_others,
  state_write_failed,
  cannot_listen,
  file_unusable,
  program_missing,
  proxy_unusable,
  // dns, proxy, tcp, tls
  name_not_found,
  lookup_failed,
  refused,
  unreachable,
  timed_out,
  proxy_refused,
  proxy_login_needed,
  proxy_failed,
  tls_unknown_issuer,
  tls_name_mismatch,
  tls_expired,
  tls_certificate_unfit,
  tls_failed,
  client_certificate_wanted,
  client_certificate_unusable,
  // http
  http_malformed,
  http_too_large,
  closed_early,
  redirect_refused,
  // application
  not_an_application,
  untrusted_auth_domain,
  metadata_invalid,
  clock_wrong,
  // login, token
  nobody_signs_in,
  login_failed,
  login_timed_out,
  login_cancelled,
  browser_failed,
  token_missing,
  token_invalid,
  token_rejected,
  service_token_rejected,
  // certificate
  sign_refused,
  certificate_invalid,
  key_unusable,
  agent_unreachable,
  agent_key_missing,
  principal_mismatch,
  // upgrade, tunnel
  denied,
  destination_denied,
  not_a_websocket,
  upgrade_redirected,
  origin_down,
  origin_silent,
  not_ssh,
  ssh_shuts_out,
  too_many_requests,
  edge_unavailable,
  unexpected_status,
  bad_accept,
  protocol_violation,
  lost,
  peer_silent,
  access_ended,
  resume_refused,
  resume_elsewhere,
  local_connection,
  local_io,
  // anywhere
  system_short,
  internal,
};

/// Why an operation failed. `detail` is one printable line without secrets, or empty.
struct Failure {
  Failure() = default;  ///< boost::system::result::error() requires it
  Failure(Stage s, Cause c, std::string d = {}) : stage(s), cause(c), detail(std::move(d)) {}
  Stage stage = Stage::tunnel;
  Cause cause = Cause::lost;
  std::string detail;
  int http_status = 0;           ///< of the HTTP response that caused it, or 0
  std::uint16_t close_code = 0;  ///< of the edge's Close frame (RFC 6455 7.4), or 0
  std::string location_host;     ///< host of the redirect's Location, or empty
  std::string ray;               ///< Cf-Ray of the response, or empty
};

/// Called by boost::system::result::value() on an error: a programming mistake during setup.
[[noreturn]] void throw_exception_from_error(const Failure& failure, const boost::source_location& where);

template <class T>
using Result = boost::system::result<T, Failure>;

/// A peer's text for one line of a message: control characters replaced, at most `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace cfpipe
