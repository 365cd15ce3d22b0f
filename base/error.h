#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace cfpipe::transport {

/// Where on the way from the command line to the open tunnel something went wrong. Messages name it.
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

/// What went wrong: one value per message a person can see; `cli/console/messages` has the words and the exit
/// status.
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
  local_connection,
  local_io,
  // anywhere
  system_short,
  internal,
};

/// Why an operation did not succeed. `detail` is one printable line without secrets; may be empty.
struct Failure {
  Failure() = default;  ///< boost::system::result::error() asks for it
  Failure(Stage s, Cause c, std::string d = {}) : stage(s), cause(c), detail(std::move(d)) {}
  Stage stage = Stage::tunnel;
  Cause cause = Cause::lost;
  std::string detail;
  int http_status = 0;           ///< 0 when no HTTP answer was involved
  std::uint16_t close_code = 0;  ///< of a tunnel that the edge closed (RFC 6455 7.4), 0 if it did not
  std::string location_host;     ///< host of a redirect's Location, when there was one
  std::string ray;               ///< the answer's Cf-Ray, when there was one
};

/// For boost::system::result::value() on an error: a programming mistake while setting up.
[[noreturn]] void throw_exception_from_error(const Failure& failure, const boost::source_location& where);

template <class T>
using Result = boost::system::result<T, Failure>;

/// Replaces control characters and cuts at `limit` bytes: what came from a peer, made fit for one line.
std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace cfpipe::transport
