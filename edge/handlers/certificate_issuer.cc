// POST /cdn-cgi/access/cert_sign: a short-lived SSH certificate for the holder of an application token.
#include "edge/handlers/certificate_issuer.h"

#include <memory>
#include <utility>

#include "auth/agent/client.h"
#include "auth/ssh/key.h"
#include "auth/token/jwt.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/handlers/decision.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace {

/// Largest body, in bytes: a token and a key line with room to spare.
constexpr std::size_t kMaxSignBodyBytes = auth::kMaxJwtBytes + auth::kMaxKeyLineBytes + 4096;

bool is_json_type(std::string_view type) {
  return same_text(trimmed(type.substr(0, type.find(';'))), "application/json");
}

std::string no_principals(const ApplicationConfig& app, const Identity& identity) {
  if (identity.email.empty())
    return "no principals are configured for service token " + identity.name() + " at " + app.hostname;
  return "the identity provider names no user of " + app.hostname + " for " + identity.email + ": " +
         why_no_principals(*app.certificates, identity);
}

std::string too_many_certificates(const Identity& identity, std::int64_t limit, std::int64_t wait) {
  return identity.name() +
         " was signed as many certificates as one user may get in a minute: " + std::to_string(limit) +
         "; try again in " + std::to_string(wait) + " s";
}

}  // namespace

boost::asio::awaitable<Answer> CertificateIssuer::answer(const Request& request,
                                                         const Authenticator& credentials,
                                                         const ApplicationTable& applications) {
  if (!is_json_type(request.header("Content-Type")))
    co_return json_refusal(415, "the request must be application/json");
  if (request.body.size() > kMaxSignBodyBytes) co_return json_refusal(413, "the request is too large");
  const auto body = parse_json_object(request.body);
  if (!body) co_return json_refusal(400, "the request is not a JSON object");
  const std::string issuer = text_of(*body, "issuer");
  if (!issuer.empty() && issuer != context_.tokens.issuer())
    co_return json_refusal(400, "the issuer is not this edge");
  const std::string token = text_of(*body, "jwt");
  // The audience is only read here to find the application; check_app trusts nothing of it.
  const auto claimed = auth::parse_jwt(token);
  std::shared_ptr<const Application> app;
  if (claimed)
    for (const std::string& aud : claimed->audience())
      if (app == nullptr) app = applications.find_by_aud(aud);
  const auto identity = app != nullptr ? credentials.check_app(token, *app) : std::nullopt;
  if (!identity) co_return json_refusal(401, "the token is not valid, or has expired");
  if (!app->config->certificates)
    co_return json_refusal(403, app->config->hostname + " does not use short-lived certificates");
  const Verdict verdict = judge(request, *app, identity, Asking::for_identity);
  if (!verdict.passes()) {
    const std::string reason = reason_of(verdict);
    record_denial(context_, RowCause::denied, request, *app, identity, reason);
    co_return json_refusal(403, identity->name() + " may not reach " + app->config->hostname + ": " + reason);
  }
  const std::string key_line = text_of(*body, "public_key");
  const auto issued = co_await certify(request, *app->config, *identity, trimmed(key_line));
  if (!issued) {
    int status = 503;
    if (issued.error().cause == Cause::key_unusable) status = 400;
    if (issued.error().cause == Cause::sign_refused) status = 403;
    if (issued.error().cause == Cause::too_many_requests) status = 429;
    co_return json_refusal(status, issued.error().detail);
  }
  co_return json_answer(200, {{"id", std::to_string(issued->serial)},
                              {"certificate", issued->line},
                              {"expires_at", rfc3339(issued->expires)}});
}

boost::asio::awaitable<Result<IssuedCertificate>> CertificateIssuer::certify(const Request& request,
                                                                             const ApplicationConfig& app,
                                                                             const Identity& identity,
                                                                             std::string_view key_line) {
  constexpr auto kStage = Stage::certificate;
  const auto principals = principals_of(*app.certificates, identity);
  if (principals.empty()) co_return Failure(kStage, Cause::sign_refused, no_principals(app, identity));
  if (!context_.grants()) co_return Failure(kStage, Cause::agent_unreachable, kUnrecordable);
  const PartyKey party = party_of(identity);
  if (const std::int64_t wait = attempts_.take(party, context_.now()); wait > 0) {
    context_.counters.add(Count::limited, "certificates");
    co_return Failure(kStage, Cause::too_many_requests,
                      too_many_certificates(identity, attempts_.limit(), wait));
  }
  // An agent takes its time; one user's requests wait behind each other, not in front of other users'.
  const auto slot = co_await signings_.take(party);
  if (!slot) {
    context_.counters.add(Count::limited, "signings");
    co_return Failure(
        kStage, Cause::too_many_requests,
        "too many certificates are being signed for " + identity.name() + "; try again in a moment");
  }
  const auto begun = std::chrono::steady_clock::now();
  const std::int64_t now = context_.now();
  auto issued = co_await ssh_ca_.sign(app, identity.name(), principals, key_line, now);
  if (!issued) {
    if (issued.error().cause == Cause::key_unusable) co_return issued.error();
    spdlog::error("a certificate for {}: {}", app.hostname, issued.error().detail);
    co_return Failure(kStage, Cause::agent_unreachable,
                      "the certificate authority of " + app.hostname + " does not sign now");
  }
  AuditRow row = row_of("certificate", request);
  row.time = now;
  row.identity = identity.name();
  row.application = app.hostname;
  row.login_method = identity.provider;
  row.serial = issued->serial;
  row.key_id = issued->key_id;
  // A certificate without a record is not handed out.
  const bool kept = co_await context_.audit.append_on_disk(row);
  if (!kept && !context_.config.audit_continues)
    co_return Failure(kStage, Cause::agent_unreachable, kUnrecordable);
  context_.counters.add(Count::certificates, row.application);
  context_.counters.certificates.add(std::chrono::steady_clock::now() - begun);
  co_return issued;
}

boost::asio::awaitable<void> CertificateIssuer::check_agents(ApplicationTable::Apps apps) {
  for (const auto& [host, app] : apps) {
    if (!app->config->certificates || !app->config->certificates->agent) continue;
    const AgentCa& ca = *app->config->certificates->agent;
    const auto found =
        co_await auth::find_agent_key(context_.executor, ca.socket, auth::fingerprint(ca.blob));
    if (!found) spdlog::error("the CA of {} cannot sign: {}", host, found.error().detail);
  }
}

}  // namespace cfpipe::edge
