#include "edge/api/call.h"

#include "base/json.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace json = boost::json;

std::string ApiCall::text(std::string_view name) const {
  return text_of(body, name);
}

std::vector<std::string> ApiCall::list(std::string_view name) const {
  std::vector<std::string> out;
  if (const json::value* found = body.if_contains(name); found != nullptr && found->is_array())
    for (const json::value& one : found->get_array())
      if (one.is_string()) out.emplace_back(one.get_string());
  return out;
}

bool ApiCall::flag(std::string_view name) const {
  const json::value* found = body.if_contains(name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

const ApplicationConfig* ApiCall::app() const {
  for (const ApplicationConfig& one : site.config.applications)
    if (one.hostname == argument) return &one;
  return nullptr;
}

const AgentCa* ApiCall::agent() const {
  const ApplicationConfig* found = app();
  return found != nullptr && found->certificates && found->certificates->agent ? &*found->certificates->agent
                                                                               : nullptr;
}

Answer failed(const Failure& failure) {
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

Answer api_done() {
  return json_answer(200, {{"status", 200}});
}

}  // namespace cfpipe::edge
