#include "edge/identity/consent.h"

#include "auth/token/sealed_box.h"
#include "base/text.h"
#include "edge/http/request.h"

namespace cfpipe::edge {
namespace {

std::string query_value(std::string_view target, std::string_view key) {
  Request inner;
  const std::size_t question = target.find('?');
  if (question != std::string_view::npos) inner.query = target.substr(question + 1);
  return inner.query_value(key);
}

/// `2026-11-29 05:17:42 UTC`
std::string time_text(std::int64_t time) {
  std::string text = rfc3339(time);
  text.replace(text.find('T'), 1, " ");
  text.replace(text.find('Z'), 1, " UTC");
  return text;
}

}  // namespace

bool for_a_program(std::string_view target) {
  return target.substr(0, target.find('?')) == kCliPath;
}

std::string receiver_of(std::string_view target) {
  return query_value(target, "token");
}

bool wants_org_token(std::string_view target) {
  return query_value(target, "send_org_token") == "true";
}

std::string consent_text(const ProgramRequest& request) {
  const std::string code = auth::transfer_code(receiver_of(request.target));
  return filled_page("consent.html",
                     {{"application", request.application},
                      {"others", wants_org_token(request.target)
                                     ? ", and every other application of this team that you may reach"
                                     : ", and no other application"},
                      {"peer", request.peer.empty() ? "no program asks at this moment" : request.peer},
                      {"time", time_text(request.time)},
                      {"code", code.empty() ? "none" : code}});
}

Page granted_page(const Granted& granted) {
  Page page;
  page.file = "granted.html";
  page.title = "Signed in";
  page.values = {{"application", granted.application},
                 {"email", granted.email},
                 {"sessions", granted.sessions},
                 {"until", time_text(granted.until)}};
  if (granted.team_until > 0)
    page.values.emplace_back("others", "<dd>every other application of this team that you may reach, until " +
                                           time_text(granted.team_until) + "</dd>");
  return page;
}

}  // namespace cfpipe::edge
