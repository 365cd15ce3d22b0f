#include "connector/config/messages.h"

#include "base/stage_name.h"

namespace cfpipe::connector {
namespace {

/// Longest detail in a message, in bytes.
constexpr std::size_t kMaxDetailBytes = 300;

// clang-format off
Words words_for(Cause cause) {
  switch (cause) {
    case Cause::bad_option: return {"the command line or the configuration is not understood", "see cfpipe-connector --help", kUsage};
    case Cause::bad_url: return {"this is no host and port", "give it as host.example.com:22", kUsage};
    case Cause::state_unreadable: return {"there is no usable enrolment", "enrol with a token (`cfpipe-connector enroll`)", kConfiguration};
    case Cause::state_foreign_owner: return {"the state directory belongs to another user", "run this as that user, or as root", kConfiguration};
    case Cause::state_writable_by_others: return {"other users may write the state", "end that with chmod go-w", kConfiguration};
    case Cause::state_write_failed: return {"the state cannot be written", "check the permissions and the space left there", kConfiguration};
    case Cause::key_unusable: return {"the connector's key cannot be used", "enrol again with `cfpipe-connector enroll --replace`", kConfiguration};
    case Cause::cannot_listen: return {"cannot listen there", "end what uses that address, or choose another one for `metrics`", kConfiguration};
    case Cause::proxy_unusable: return {"the proxy that the environment names cannot be used", "mend or unset that variable, name the host in NO_PROXY, or give --proxy none", kConfiguration};
    case Cause::name_not_found: return {"the name does not resolve", "check its spelling and this machine's DNS", kUnavailable};
    case Cause::lookup_failed: return {"the name could not be looked up, a temporary failure", "check that this machine has a network and reaches its DNS servers", kUnavailable};
    case Cause::refused: return {"the connection was refused", "check that the server runs and the port is right", kUnavailable};
    case Cause::unreachable: return {"there is no way there", "check this machine's network, and that its firewall lets the connection out", kUnavailable};
    case Cause::timed_out: return {"no answer in time", "check the network, and that a firewall lets the connection out", kUnavailable};
    case Cause::proxy_refused: return {"the proxy did not let the connection through", "check that it allows this host and port; NO_PROXY goes around it", kUnavailable};
    case Cause::proxy_login_needed: return {"the proxy wants a login, or another one", "give it as `proxy: http://user:password@host:port`", kRefused};
    case Cause::proxy_failed: return {"the proxy's answer makes no sense", "check its address, its port and its kind (http:// or socks5h://)", kProtocol};
    case Cause::tls_unknown_issuer: return {"the certificate's issuer is not trusted", "behind a private authority or an inspecting proxy name its certificate with --ca-file or SSL_CERT_FILE", kUnavailable};
    case Cause::tls_name_mismatch: return {"the certificate is for another name", "check who answers for the edge's name", kUnavailable};
    case Cause::tls_expired: return {"the certificate is not valid at this time", "check this machine's clock, then tell the edge's administrator", kUnavailable};
    case Cause::tls_certificate_unfit: return {"the certificate breaks a rule", "tell the edge's administrator, who has to replace it", kUnavailable};
    case Cause::tls_failed: return {"the TLS handshake failed", "something in between may not let TLS 1.2 and up through", kUnavailable};
    case Cause::client_certificate_wanted: return {"the edge wants a client certificate", "tell the edge's administrator: connectors show none", kRefused};
    case Cause::http_malformed: return {"the answer is not HTTP", "check that the enrolment names an edge of cfpipe", kProtocol};
    case Cause::http_too_large: return {"the answer is larger than any honest one", "check who answers for the edge's name", kProtocol};
    case Cause::closed_early: return {"the edge closed the connection before it had answered", "look at the edge's log", kUnavailable};
    case Cause::denied: return {"the edge refuses this connector", "if it was revoked, enrol again with a new token (`cfpipe-edge connector create NAME`, `cfpipe-connector enroll --replace`)", kRefused};
    case Cause::token_rejected: return {"the edge does not accept the enrolment token", "tokens are good once, for 10 minutes: ask for another one (`cfpipe-edge connector create NAME`)", kRefused};
    case Cause::too_many_requests: return {"the edge asks for fewer requests", "wait a minute", kUnavailable};
    case Cause::edge_unavailable: return {"the edge cannot serve this request now", "if it stays so, look at the edge's log", kUnavailable};
    case Cause::unexpected_status: return {"the edge's answer makes no sense here", "check that it is an edge of cfpipe with connectors, and its version", kProtocol};
    case Cause::bad_accept: return {"the upgrade was answered wrongly", "a proxy in between may not know upgrades", kProtocol};
    case Cause::metadata_invalid: return {"the edge's answer cannot be understood", "check the version of the edge", kProtocol};
    case Cause::protocol_violation: return {"the edge broke the protocol", "check the version of the edge", kProtocol};
    case Cause::origin_silent: return {"the server behind the port says nothing", "check that it is running", kUnavailable};
    case Cause::not_ssh: return {"what answers there is no SSH server", "check the port", kProtocol};
    case Cause::lost: return {"the connection was lost", "check the network", kLost};
    case Cause::peer_silent: return {"the edge stopped answering", "check the network", kLost};
    case Cause::local_io: return {"standard input or output failed", "check where they lead", kLost};
    case Cause::system_short: return {"this process has reached a limit of the system", "raise the limit (ulimit -a, LimitNOFILE, MemoryMax), or end what uses it up", kConfiguration};
    case Cause::internal: return {"internal error", "show this line to the maintainers", kInternal};
    default: return {"something unexpected went wrong", "show this line to the maintainers", kInternal};
  }
}
// clang-format on

}  // namespace

Words words_for(const Failure& failure) {
  Words out = words_for(failure.cause);
  if (failure.stage == Stage::config && out.status == kUsage) {
    out = {"the configuration is not understood", "see docs/CONNECTOR.md", kConfiguration};
  }
  return out;
}

std::string what_text(const Failure& failure) {
  std::string out(words_for(failure).what);
  if (!failure.detail.empty()) out += ": " + printable(failure.detail, kMaxDetailBytes);
  if (failure.http_status != 0) out += " (status " + std::to_string(failure.http_status) + ")";
  return out;
}

std::string line_for(const Failure& failure) {
  std::string out = std::string(step_name(failure.stage)) + ": " + what_text(failure);
  // What is not set up says itself what to do.
  if (failure.detail.find("; ") == std::string::npos) out += "; " + std::string(words_for(failure).hint);
  return out;
}

std::string_view step_name(Stage stage) {
  if (stage == Stage::upgrade) return "attach";
  if (stage == Stage::login) return "enroll";
  return stage_name(stage);
}

}  // namespace cfpipe::connector
