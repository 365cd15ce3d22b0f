#include "edge/api/api.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/text.h"
#include "edge/config/way_in.h"
#include "edge/http/responses.h"
#include "edge/monitoring/audit_export.h"
#include "edge/policy/app_name.h"

namespace cfpipe::edge {
namespace json = boost::json;
namespace {

template <class T>
std::optional<T> number_in(std::string_view text) {
  T out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> out;
  for (;;) {
    const auto slash = path.find('/');
    out.push_back(percent_decode(path.substr(0, slash)).value_or(std::string()));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

json::object sign_in_object(const SessionRow& one, const std::string& current) {
  return {{"session", one.session},
          {"email", one.email},
          {"application", one.application},
          {"login_method", one.login_method},
          {"time", rfc3339(one.begun)},
          {"expires", rfc3339(one.expires)},
          {"peer", one.peer},
          {"current", one.session == current}};
}

}  // namespace

const char* foreign_request(const Request& request, std::string_view origin) {
  if (!same_text(request.header("Origin"), origin)) return "the request is not from this site's own page";
  if (request.header("Cfpipe-Request") != "1") return "the request has no header 'Cfpipe-Request: 1'";
  const std::string_view type = request.header("Content-Type");
  if (!same_text(trimmed(type.substr(0, type.find(';'))), "application/json"))
    return "the request must be application/json";
  return nullptr;
}

const std::vector<AdminApi::Route>& AdminApi::routes() {
  static const std::vector<Route> all{
      {"GET", "me", false, &AdminApi::me},
      {"GET", "me/applications", false, &AdminApi::my_applications},
      {"GET", "me/sessions", false, &AdminApi::my_sessions},
      {"DELETE", "me/sessions/*", false, &AdminApi::end_my_session},
      {"GET", "me/tunnels", false, &AdminApi::my_tunnels},
      {"DELETE", "me/tunnels/*", false, &AdminApi::end_my_tunnel},
      {"GET", "applications", true, &AdminApi::applications},
      {"GET", "applications/*/ca", true, &AdminApi::show_ca},
      {"POST", "applications/*/ca/generate", true, &AdminApi::generate_ca},
      {"POST", "applications/*/ca/rotate", true, &AdminApi::rotate_ca},
      {"POST", "applications/*/ca/cancel", true, &AdminApi::cancel_ca},
      {"POST", "applications/*/ca/retire", true, &AdminApi::retire_ca},
      {"POST", "applications/*/certificates/revoke", true, &AdminApi::revoke_certificates},
      {"GET", "applications/*/krl", true, &AdminApi::krl},
      {"GET", "applications/*/known-hosts", true, &AdminApi::known_hosts},
      {"POST", "applications/*/host-certificates", true, &AdminApi::certify_host},
      {"POST", "applications/*/policy-test", true, &AdminApi::test_policies},
      {"GET", "host-keys", true, &AdminApi::host_keys},
      {"DELETE", "applications/*/host-keys", true, &AdminApi::forget_host_keys},
      {"GET", "service-tokens", true, &AdminApi::service_tokens},
      {"POST", "service-tokens", true, &AdminApi::create_service_token},
      {"DELETE", "service-tokens/*", true, &AdminApi::revoke_service_token},
      {"GET", "tunnels", true, &AdminApi::all_tunnels},
      {"DELETE", "tunnels/*", true, &AdminApi::end_any_tunnel},
      {"GET", "sessions", true, &AdminApi::all_sessions},
      {"GET", "audit", true, &AdminApi::audit},
      {"POST", "revocations", true, &AdminApi::revoke},
  };
  return all;
}

AdminApi::AdminApi(const Site& site, const Request& request, const Caller& caller)
    : site_(site),
      request_(request),
      caller_(caller),
      operations_(site.store, site.now, {caller.identity.email, request.peer, request.ray}),
      path_(parts_of(std::string_view(request.path).substr(kApiPath.size()))) {}

bool AdminApi::matches(const Route& route) {
  const auto pattern = parts_of(route.path);
  if (pattern.size() != path_.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == "*") {
      argument_ = path_[i];
    } else if (pattern[i] != path_[i]) {
      return false;
    }
  }
  return true;
}

Answer AdminApi::answer() {
  std::string allowed;
  for (const Route& route : routes()) {
    if (!matches(route)) continue;
    if (route.method != request_.method) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    if (route.administrators && !caller_.administrator)
      return json_refusal(403, caller_.identity.email + " is not an administrator of this edge");
    if (!request_.body.empty()) {
      auto body = parse_json_object(request_.body);
      if (!body) return json_refusal(400, "the request is not a JSON object");
      body_ = std::move(*body);
    }
    return (this->*route.run)();
  }
  if (allowed.empty()) return json_refusal(404, "there is no such thing; see docs/API.md");
  Answer answer = json_refusal(405, "that takes " + allowed);
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

Answer AdminApi::failed(const Failure& failure) const {
  if (failure.cause == Cause::key_unusable) return json_refusal(400, failure.detail);
  switch (failure.stage) {
    case Stage::input:
      return json_refusal(400, failure.detail);
    case Stage::config:
      return json_refusal(409, failure.detail);
    default:
      return json_refusal(503, failure.detail);
  }
}

std::string AdminApi::text(std::string_view name) const {
  return text_of(body_, name);
}

std::vector<std::string> AdminApi::list(std::string_view name) const {
  std::vector<std::string> out;
  if (const json::value* found = body_.if_contains(name); found != nullptr && found->is_array())
    for (const json::value& one : found->get_array())
      if (one.is_string()) out.emplace_back(one.get_string());
  return out;
}

bool AdminApi::flag(std::string_view name) const {
  const json::value* found = body_.if_contains(name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

const ApplicationConfig* AdminApi::app() const {
  for (const ApplicationConfig& one : site_.config.applications)
    if (one.hostname == argument_) return &one;
  return nullptr;
}

const AgentCa* AdminApi::agent() const {
  const ApplicationConfig* found = app();
  return found != nullptr && found->certificates && found->certificates->agent ? &*found->certificates->agent
                                                                               : nullptr;
}

Answer api_done() {
  return json_answer(200, {{"status", 200}});
}

// Of oneself.

Answer AdminApi::me() {
  return json_answer(200, {{"email", caller_.identity.email},
                           {"administrator", caller_.administrator},
                           {"session", caller_.identity.nonce},
                           {"login_method", caller_.identity.provider},
                           {"expires", rfc3339(caller_.identity.expires)}});
}

/// A name that covers many hosts or paths has no lines to run.
json::object AdminApi::own_application(const ApplicationConfig& one) const {
  json::object out{{"hostname", one.hostname},
                   {"protocol", one.ssh ? "ssh" : "tcp"},
                   {"terminal", one.browser_terminal && site_.judge(one, Asking::for_identity).passes()}};
  const auto name = AppName::parse(one.hostname);
  if (!name || one.hostname.find('*') != std::string::npos) return out;
  const std::string place = https_authority(name->host(), site_.config.public_port) + name->path();
  const WayIn way = way_in(one, name->host(), place, site_.config.auth_host);
  out["command"] = way.command;
  if (!way.setup.empty()) out["setup"] = way.setup;
  return out;
}

Answer AdminApi::my_applications() {
  json::array all;
  for (const ApplicationConfig& one : site_.config.applications)
    if (site_.judge(one, Asking::to_pass).passes()) all.push_back(own_application(one));
  return json_answer(200, {{"applications", std::move(all)}});
}

Answer AdminApi::sign_ins_of(const std::string& email) {
  const auto all = operations_.sign_ins(email, site_.now - site_.config.session_duration.count());
  if (!all) return failed(all.error());
  json::array sessions;
  for (const SessionRow& one : *all) sessions.push_back(sign_in_object(one, caller_.identity.nonce));
  return json_answer(200, {{"sessions", std::move(sessions)}});
}

Answer AdminApi::my_sessions() {
  return sign_ins_of(caller_.identity.email);
}

Answer AdminApi::end_my_session() {
  const auto mine = site_.store.revocations().find_session(argument_);
  if (!mine) return failed(mine.error());
  if (!*mine || !same_text((*mine)->email, caller_.identity.email))
    return json_refusal(404, "you have no such session");
  const auto ended = revoke_session(argument_);
  return ended ? api_done() : failed(ended.error());
}

Result<SessionRow> AdminApi::revoke_session(const std::string& session) {
  auto ended = operations_.revoke_session(session);
  if (ended && !ended->revoked) changed_ = true;
  return ended;
}

Answer AdminApi::my_tunnels() {
  return tunnels_of(caller_.identity.email);
}

Answer AdminApi::end_my_tunnel() {
  return end_tunnel(caller_.identity.email);
}

// Tunnels. `email`: only theirs; empty: everybody's.

Answer AdminApi::tunnels_of(std::string_view email) const {
  json::array tunnels;
  site_.tunnels.for_each([&](std::int64_t id, const TunnelRegistry::Tunnel& tunnel) {
    if (!email.empty() && !same_text(tunnel.row.identity, email)) return;
    const auto moved = tunnel.handle->moved();
    tunnels.push_back(json::object{{"id", id},
                                   {"identity", tunnel.row.identity},
                                   {"application", tunnel.row.application},
                                   {"peer", tunnel.row.peer},
                                   {"since", rfc3339(tunnel.row.time)},
                                   {"session", tunnel.session},
                                   {"terminal", tunnel.terminal},
                                   {"to", tunnel.row.reason},
                                   {"up_bytes", moved.up},
                                   {"down_bytes", moved.down}});
  });
  return json_answer(200, {{"tunnels", std::move(tunnels)}});
}

Answer AdminApi::end_tunnel(std::string_view email) {
  const auto id = number_in<std::int64_t>(argument_);
  std::shared_ptr<TunnelHandle> handle;
  AuditRow row;
  site_.tunnels.for_each([&](std::int64_t one, const TunnelRegistry::Tunnel& tunnel) {
    if (one != id || (!email.empty() && !same_text(tunnel.row.identity, email))) return;
    handle = tunnel.handle;
    row = tunnel.row;
  });
  if (!handle) return json_refusal(404, "there is no such tunnel open");
  // Recorded first: an act without its audit row does not happen.
  const auto recorded =
      operations_.record("tunnel_end", row.identity, row.application, "tunnel " + std::to_string(*id));
  if (!recorded) return failed(recorded.error());
  handle->dismiss(email.empty() ? "an administrator has ended it" : "it was ended from the dashboard");
  return api_done();
}

Answer AdminApi::all_tunnels() {
  return tunnels_of({});
}

Answer AdminApi::end_any_tunnel() {
  return end_tunnel({});
}

// Sessions, the audit, revocation.

Answer AdminApi::all_sessions() {
  return sign_ins_of({});
}

Answer AdminApi::audit() {
  AuditQuery question;
  if (const std::string since = request_.query_value("since"); !since.empty()) {
    const auto ago = parse_duration(since);
    const auto time = parse_time(since);
    if (!ago && !time)
      return json_refusal(
          400, "'since' must be a time such as 2026-01-31T12:00:00Z, or how long ago, such as 24h");
    question.since = ago ? site_.now - ago->count() : *time;
  }
  const std::string before = request_.query_value("before");
  const std::string limit = request_.query_value("limit");
  const auto id = number_in<std::int64_t>(before);
  const auto most = number_in<std::size_t>(limit);
  if ((!before.empty() && (!id || *id < 1)) ||
      (!limit.empty() && (!most || *most < 1 || *most > kMaxAuditPage)))
    return json_refusal(400, "'before' must be the id of a row, 'limit' between 1 and 1000");
  question.before = id.value_or(0);
  question.most = most.value_or(kAuditPage);
  question.kind = request_.query_value("kind");
  question.identity = request_.query_value("identity");
  question.application = request_.query_value("application");
  const auto page = site_.store.audit().search(question);
  if (!page) return failed(page.error());
  json::array all;
  for (const AuditRow& row : page->rows) all.push_back(audit_object(row));
  return json_answer(200, {{"rows", std::move(all)}, {"next", page->next}});
}

Answer AdminApi::revoke() {
  if (const std::string session = text("session"); !session.empty()) {
    const auto ended = revoke_session(session);
    return ended ? json_answer(200, {{"session", session}, {"email", ended->email}}) : failed(ended.error());
  }
  const auto revoked = operations_.revoke_person(text("email"));
  changed_ = static_cast<bool>(revoked);
  return revoked ? json_answer(200, {{"email", lower(text("email"))}}) : failed(revoked.error());
}

}  // namespace cfpipe::edge
