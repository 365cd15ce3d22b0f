#include "edge/policy.h"

#include <algorithm>

#include "edge/text.h"

namespace cfpipe::edge {

bool Policy::matches(std::string_view email) const {
  const auto meets = [&](const Rule& rule) {
    return rule.kind == Rule::Kind::email ? lower(email) == rule.value : email_domain(email) == rule.value;
  };
  return std::any_of(include.begin(), include.end(), meets) &&
         std::all_of(require.begin(), require.end(), meets) &&
         std::none_of(exclude.begin(), exclude.end(), meets);
}

bool allowed(const std::vector<Policy>& policies, std::string_view email) {
  if (!valid_email(email)) return false;
  for (const Policy& policy : policies)
    if (policy.matches(email)) return policy.decision == Decision::allow;
  return false;
}

}  // namespace cfpipe::edge
