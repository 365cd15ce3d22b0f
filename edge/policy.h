#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cfpipe::edge {

/// One condition on an identity.
struct Rule {
  enum class Kind { email, email_domain };
  Kind kind;
  std::string value;  ///< lower case
};

enum class Decision { allow, deny };

/// Matches an identity that meets any of `include`, all of `require` and none of `exclude`.
struct Policy {
  std::string name;
  Decision decision = Decision::allow;
  std::vector<Rule> include;
  std::vector<Rule> require;
  std::vector<Rule> exclude;

  bool matches(std::string_view email) const;
};

/// The first policy that matches decides; without one nobody gets in.
bool allowed(const std::vector<Policy>& policies, std::string_view email);

}  // namespace cfpipe::edge
