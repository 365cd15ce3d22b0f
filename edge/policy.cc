#include "edge/policy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "edge/text.h"

namespace cfpipe::edge {
namespace {

using Kind = Rule::Kind;
using Part = Verdict::Part;

constexpr std::array<std::pair<Decision, std::string_view>, 4> kDecisions{
    {{Decision::allow, "allow"},
     {Decision::deny, "deny"},
     {Decision::service_auth, "service_auth"},
     {Decision::bypass, "bypass"}}};
constexpr std::array<std::pair<Kind, std::string_view>, 7> kKinds{
    {{Kind::email, "email"},
     {Kind::email_domain, "email_domain"},
     {Kind::group, "group"},
     {Kind::ip, "ip"},
     {Kind::service_token, "service_token"},
     {Kind::any_valid_service_token, "any_valid_service_token"},
     {Kind::everyone, "everyone"}}};

bool early(Decision decision) {
  return decision == Decision::bypass || decision == Decision::service_auth;
}

bool meets(const Subject& subject, const Rule& rule) {
  switch (rule.kind) {
    case Kind::email:
      return !subject.email.empty() && lower(subject.email) == rule.value;
    case Kind::email_domain:
      return !subject.email.empty() && email_domain(subject.email) == rule.value;
    case Kind::group:
      return std::find(subject.groups.begin(), subject.groups.end(), rule.value) != subject.groups.end();
    case Kind::ip:
      return subject.ip && rule.range.contains(*subject.ip);
    case Kind::service_token:
      return !subject.service_token.empty() && subject.service_token == rule.value;
    case Kind::any_valid_service_token:
      return !subject.service_token.empty();
    case Kind::everyone:
      return true;
  }
  return false;
}

/// Whether the policy is about subjects of this kind at all.
bool concerns(Decision decision, const Subject& subject) {
  switch (decision) {
    case Decision::bypass:
      return true;
    case Decision::service_auth:
      return !subject.service_token.empty();
    case Decision::allow:
    case Decision::deny:
      return valid_email(subject.email);
  }
  return false;
}

Verdict::Kind kind_of(Decision decision) {
  switch (decision) {
    case Decision::allow:
      return Verdict::Kind::allow;
    case Decision::service_auth:
      return Verdict::Kind::service_auth;
    case Decision::bypass:
      return Verdict::Kind::bypass;
    case Decision::deny:
      break;
  }
  return Verdict::Kind::deny;
}

template <class Value, std::size_t n>
std::optional<Value> value_of(const std::array<std::pair<Value, std::string_view>, n>& table,
                              std::string_view name) {
  for (const auto& [value, text] : table)
    if (text == name) return value;
  return std::nullopt;
}

template <class Value, std::size_t n>
std::string_view name_in(const std::array<std::pair<Value, std::string_view>, n>& table, Value value) {
  for (const auto& [candidate, text] : table)
    if (candidate == value) return text;
  return {};
}

}  // namespace

Verdict try_policy(const Policy& policy, const Subject& subject) {
  Verdict out;
  if (!concerns(policy.decision, subject)) return out;
  const auto met = [&](const Rule& rule) { return meets(subject, rule); };
  const auto included = std::find_if(policy.include.begin(), policy.include.end(), met);
  if (included == policy.include.end()) return out;
  out.policy = &policy;
  const auto unmet = std::find_if_not(policy.require.begin(), policy.require.end(), met);
  const auto excluded = std::find_if(policy.exclude.begin(), policy.exclude.end(), met);
  if (excluded != policy.exclude.end()) {
    out.rule = &*excluded;
    out.part = Part::exclude;
  } else if (unmet != policy.require.end()) {
    out.rule = &*unmet;
    out.part = Part::require;
  } else {
    out.rule = &*included;
    out.kind = kind_of(policy.decision);
  }
  return out;
}

std::vector<const Policy*> in_order(const std::vector<Policy>& policies) {
  std::vector<const Policy*> out;
  for (const bool first : {true, false})
    for (const Policy& policy : policies)
      if (early(policy.decision) == first) out.push_back(&policy);
  return out;
}

Verdict decide(const std::vector<Policy>& policies, const Subject& subject, Asking asking) {
  Verdict nearest;
  for (const Policy* policy : in_order(policies)) {
    if (policy->decision == Decision::bypass && asking == Asking::for_identity) continue;
    const Verdict one = try_policy(*policy, subject);
    if (one.kind != Verdict::Kind::no_match) return one;
    const bool would_let_in =
        policy->decision == Decision::allow || policy->decision == Decision::service_auth;
    if (one.policy != nullptr && would_let_in && nearest.policy == nullptr) nearest = one;
  }
  return nearest;
}

bool people_may_enter(const std::vector<Policy>& policies) {
  return std::any_of(policies.begin(), policies.end(),
                     [](const Policy& policy) { return policy.decision == Decision::allow; });
}

std::string_view name_of(Decision decision) {
  return name_in(kDecisions, decision);
}
std::string_view name_of(Kind kind) {
  return name_in(kKinds, kind);
}
std::optional<Decision> decision_of(std::string_view name) {
  return value_of(kDecisions, name);
}
std::optional<Kind> rule_kind_of(std::string_view name) {
  return value_of(kKinds, name);
}

bool fits(Kind kind, Decision decision) {
  switch (kind) {
    case Kind::ip:
    case Kind::everyone:
      return true;
    case Kind::email:
    case Kind::email_domain:
    case Kind::group:
      return decision == Decision::allow || decision == Decision::deny;
    case Kind::service_token:
    case Kind::any_valid_service_token:
      return decision == Decision::service_auth;
  }
  return false;
}

std::string text_of(const Rule& rule) {
  std::string out(name_of(rule.kind));
  if (!rule.value.empty()) out += " " + rule.value;
  return out;
}

std::string reason_of(const Verdict& verdict) {
  if (verdict.policy == nullptr) return "no policy matches";
  std::string out = "policy '" + verdict.policy->name + "' ";
  switch (verdict.part) {
    case Part::exclude:
      out += "excludes ";
      break;
    case Part::require:
      out += "requires ";
      break;
    case Part::include:
      out += std::string(verdict.kind == Verdict::Kind::deny ? "denies " : "lets in ");
      break;
  }
  return out + text_of(*verdict.rule);
}

bool valid_service_name(std::string_view name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  if (name.empty() || name.size() > kMaxServiceNameBytes ||
      kLetters.find(name.front()) == std::string_view::npos)
    return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return kLetters.find(c) != std::string_view::npos || c == '.' || c == '_' || c == '-';
  });
}

bool valid_group(std::string_view name) {
  return !name.empty() && name.size() <= kMaxGroupBytes && std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

bool valid_principal(std::string_view name) {
  return valid_email(std::string(name) + "@x");
}

}  // namespace cfpipe::edge
