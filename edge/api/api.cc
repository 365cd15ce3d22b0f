#include "edge/api/api.h"

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "edge/api/routes.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace {

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> out;
  for (;;) {
    const auto slash = path.find('/');
    out.push_back(percent_decode(path.substr(0, slash)).value_or(std::string()));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

/// `argument` is what the route's `*` takes.
bool matches(const ApiRoute& route, const std::vector<std::string>& path, std::string& argument) {
  const auto pattern = parts_of(route.path);
  if (pattern.size() != path.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == "*") {
      argument = path[i];
    } else if (pattern[i] != path[i]) {
      return false;
    }
  }
  return true;
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

Answer answer_api(ApiCall& call) {
  std::string allowed;
  const auto path = parts_of(std::string_view(call.request.path).substr(kApiPath.size()));
  for (const auto* routes :
       {&own_routes(), &application_routes(), &service_token_routes(), &connector_routes(), &people_routes()})
    for (const ApiRoute& route : *routes) {
      if (!matches(route, path, call.argument)) continue;
      if (route.method != call.request.method) {
        allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
        continue;
      }
      if (route.administrators && !call.caller.administrator)
        return json_refusal(403, call.caller.identity.email + " is not an administrator of this edge");
      if (!call.request.body.empty()) {
        auto body = parse_json_object(call.request.body);
        if (!body) return json_refusal(400, "the request is not a JSON object");
        call.body = std::move(*body);
      }
      return route.run(call);
    }
  if (allowed.empty()) return json_refusal(404, "there is no such thing; see docs/API.md");
  Answer answer = json_refusal(405, "that takes " + allowed);
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

}  // namespace cfpipe::edge
