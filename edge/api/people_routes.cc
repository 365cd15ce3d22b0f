// What administrators see and end: everybody's tunnels and sessions, and the audit.
#include <boost/json/array.hpp>

#include "base/text.h"
#include "edge/api/numbers.h"
#include "edge/api/open_access.h"
#include "edge/api/routes.h"
#include "edge/http/responses.h"
#include "edge/monitoring/audit_export.h"

namespace cfpipe::edge {
namespace json = boost::json;
namespace {

/// Rows of the audit in one answer, at most, and unless it is said.
constexpr std::size_t kMaxAuditPage = 1000;
constexpr std::size_t kAuditPage = 100;

Answer all_tunnels(ApiCall& call) {
  return list_tunnels(call, {});
}

Answer end_any_tunnel(ApiCall& call) {
  return end_tunnel(call, {});
}

Answer all_sessions(ApiCall& call) {
  return list_sign_ins(call, {});
}

Answer audit(ApiCall& call) {
  AuditQuery question;
  if (const std::string since = call.request.query_value("since"); !since.empty()) {
    const auto ago = parse_duration(since);
    const auto time = parse_time(since);
    if (!ago && !time)
      return json_refusal(
          400, "'since' must be a time such as 2026-01-31T12:00:00Z, or how long ago, such as 24h");
    question.since = ago ? call.site.now - ago->count() : *time;
  }
  const std::string before = call.request.query_value("before");
  const std::string limit = call.request.query_value("limit");
  const auto id = number_in<std::int64_t>(before);
  const auto most = number_in<std::size_t>(limit);
  if ((!before.empty() && (!id || *id < 1)) ||
      (!limit.empty() && (!most || *most < 1 || *most > kMaxAuditPage)))
    return json_refusal(400, "'before' must be the id of a row, 'limit' between 1 and 1000");
  question.before = id.value_or(0);
  question.most = most.value_or(kAuditPage);
  question.kind = call.request.query_value("kind");
  question.identity = call.request.query_value("identity");
  question.application = call.request.query_value("application");
  const auto page = call.site.store.audit().search(question);
  if (!page) return failed(page.error());
  json::array all;
  for (const AuditRow& row : page->rows) all.push_back(audit_object(row));
  return json_answer(200, {{"rows", std::move(all)}, {"next", page->next}});
}

Answer revoke(ApiCall& call) {
  if (const std::string session = call.text("session"); !session.empty()) {
    const auto ended = end_sign_in(call, session);
    return ended ? json_answer(200, {{"session", session}, {"email", ended->email}}) : failed(ended.error());
  }
  const auto revoked = call.operations.revoke_person(call.text("email"));
  call.changed = static_cast<bool>(revoked);
  return revoked ? json_answer(200, {{"email", lower(call.text("email"))}}) : failed(revoked.error());
}

}  // namespace

const std::vector<ApiRoute>& people_routes() {
  static const std::vector<ApiRoute> all{
      {"GET", "tunnels", true, &all_tunnels},   {"DELETE", "tunnels/*", true, &end_any_tunnel},
      {"GET", "sessions", true, &all_sessions}, {"GET", "audit", true, &audit},
      {"POST", "revocations", true, &revoke},
  };
  return all;
}

}  // namespace cfpipe::edge
