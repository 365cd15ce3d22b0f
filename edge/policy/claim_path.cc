#include "edge/policy/claim_path.h"

namespace cfpipe::edge {
namespace {

boost::json::string_view member(std::string_view name) {
  return {name.data(), name.size()};
}

}  // namespace

// The depth of what parse_json_object() takes bounds the recursion, and the length of a claim's name its
// width.
FoundClaim find_claim(const boost::json::object& claims, std::string_view name) {
  FoundClaim out;
  out.value = claims.if_contains(member(name));
  if (out.value != nullptr) return out;
  for (std::size_t dot = name.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = name.rfind('.', dot - 1)) {
    const auto* step = claims.if_contains(member(name.substr(0, dot)));
    if (step == nullptr || step->is_null()) continue;
    if (!step->is_object()) {
      out.obstructed = true;
      continue;
    }
    const FoundClaim inner = find_claim(step->get_object(), name.substr(dot + 1));
    if (inner.value != nullptr) return inner;
    out.obstructed = out.obstructed || inner.obstructed;
  }
  return out;
}

}  // namespace cfpipe::edge
