// Which identity a request's credentials are, and whether they still are.
#include "edge/handlers/authenticator.h"

#include <algorithm>

#include "base/log.h"
#include "edge/handlers/decision.h"
#include "edge/http/cookies.h"

namespace cfpipe::edge {

Visitor Authenticator::visitor(const Request& request, const Application& app) {
  Visitor who;
  const std::string_view id = request.header("Cf-Access-Client-Id");
  const std::string_view secret = request.header("Cf-Access-Client-Secret");
  if (!id.empty() || !secret.empty()) {
    const std::int64_t now = context_.now();
    who.by_header = who.shows_service_token = true;
    const CheckedServiceToken checked = service_tokens_.check(id, secret, now);
    who.fault = checked.fault;
    if (!checked.token) return who;
    Identity& identity = who.identity.emplace();
    identity.client_id = checked.token->client_id;
    identity.service_token = checked.token->name;
    identity.issued = now;
    identity.expires = std::min(checked.token->expires, now + app.config->session_duration.count());
    return who;
  }
  const std::string_view token = request.header("Cf-Access-Token");
  who.by_header = !token.empty();
  if (who.by_header) {
    who.identity = check_app(token, app);
    return who;
  }
  for (const std::string& cookie : token_cookies(request, browser_token_cookie(app.name, app.aud)))
    if ((who.identity = check_app(cookie, app))) break;
  return who;
}

std::map<std::string, Identity> Authenticator::identities_at(const Request& request, const Place& place) {
  std::map<std::string, Identity> out;
  const bool one = !request.query_value("aud").empty();
  for (const auto& app : place.apps) {
    if (one && app != place.app) continue;
    const Visitor who = visitor(request, *app);
    if (who.identity) out.emplace(who.identity->nonce, *who.identity);
    if (who.shows_service_token) break;  // which is good for all of them or for none
  }
  return out;
}

std::optional<Identity> Authenticator::check_app(std::string_view token, const Application& app) const {
  const std::int64_t now = context_.now();
  auto identity = context_.tokens.check_app(token, app.aud, now);
  if (!identity || !accepts_provider(app, *identity)) return std::nullopt;
  if (identity->client_id.empty()) {
    if (revoked(*identity)) return std::nullopt;
    return identity;
  }
  const auto row = service_tokens_.find(identity->client_id, now);
  if (!row) return std::nullopt;
  identity->service_token = row->name;
  return identity;
}

std::optional<Identity> Authenticator::check_org(const Request& request) const {
  for (const std::string& token : token_cookies(request)) {
    auto identity = context_.tokens.check_org(token, context_.now());
    if (identity && !revoked(*identity)) return identity;
  }
  return std::nullopt;
}

std::optional<Identity> Authenticator::browser_session(const Request& request) const {
  auto identity = context_.tokens.check_org(cookie_value(request, kBrowserTokenCookie), context_.now());
  if (!identity || identity->holder != Holder::browser || revoked(*identity)) return std::nullopt;
  return identity;
}

std::optional<Identity> Authenticator::program_session(const Request& request) const {
  auto identity = context_.tokens.check_org(request.header("Cf-Access-Token"), context_.now());
  if (!identity || identity->holder != Holder::program || identity->email.empty() || revoked(*identity))
    return std::nullopt;
  return identity;
}

bool Authenticator::no_longer_good(const Credentials& shown) const {
  if (shown.client_id.empty()) {
    const auto until = context_.store.revocations().revoked_until(shown.who);
    if (until && shown.issued <= *until) return true;
    const auto ended = context_.store.revocations().session_revoked(shown.session);
    return ended && *ended;
  }
  const auto row = context_.store.service_tokens().find(shown.client_id);
  return row && !*row;
}

bool Authenticator::revoked(const Identity& identity) const {
  const auto until = context_.store.revocations().revoked_until(identity.email);
  if (!until) spdlog::error("state: {}", until.error().detail);
  if (!until || identity.issued <= *until) return true;
  const auto ended = context_.store.revocations().session_revoked(identity.nonce);
  if (!ended) spdlog::error("state: {}", ended.error().detail);
  return !ended || *ended;
}

}  // namespace cfpipe::edge
