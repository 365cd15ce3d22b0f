#include "edge/policy/policy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace cfpipe::edge {
namespace {

using Kind = Rule::Kind;
using Part = Verdict::Part;

constexpr std::array<std::pair<Decision, std::string_view>, 4> kDecisions{
    {{Decision::allow, "allow"},
     {Decision::deny, "deny"},
     {Decision::service_auth, "service_auth"},
     {Decision::bypass, "bypass"}}};
constexpr std::array<std::pair<Kind, std::string_view>, 8> kKinds{
    {{Kind::email, "email"},
     {Kind::email_domain, "email_domain"},
     {Kind::group, "group"},
     {Kind::login_method, "login_method"},
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
      return std::find(subject.groups.names.begin(), subject.groups.names.end(), rule.value) !=
             subject.groups.names.end();
    case Kind::login_method:
      return !subject.login_method.empty() && subject.login_method == rule.value;
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

/// Whether a rule is met in its place, where what is unknown keeps people out.
struct Place {
  const Subject& subject;
  bool keeps_out;

  bool open(const Rule& rule) const { return rule.kind == Kind::group && subject.groups.unknown; }
  bool operator()(const Rule& rule) const { return open(rule) ? keeps_out : meets(subject, rule); }
};

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
  const bool denies = policy.decision == Decision::deny;
  const Place lets_match{subject, denies};
  const Place excepts{subject, !denies};
  const auto hangs_on = [&](const Rule& rule) {
    if (lets_match.open(rule)) out.unknown = subject.groups.unknown;
  };
  const auto included = std::find_if(policy.include.begin(), policy.include.end(), lets_match);
  if (included == policy.include.end()) {
    std::for_each(policy.include.begin(), policy.include.end(), hangs_on);
    return out;
  }
  out.policy = &policy;
  const auto unmet = std::find_if_not(policy.require.begin(), policy.require.end(), lets_match);
  const auto excluded = std::find_if(policy.exclude.begin(), policy.exclude.end(), excepts);
  if (excluded != policy.exclude.end()) {
    out.rule = &*excluded;
    out.part = Part::exclude;
  } else if (unmet != policy.require.end()) {
    out.rule = &*unmet;
    out.part = Part::require;
  } else {
    out.rule = &*included;
    out.kind = kind_of(policy.decision);
    if (denies)
      for (const auto* rules : {&policy.require, &policy.exclude})
        std::for_each(rules->begin(), rules->end(), hangs_on);
  }
  hangs_on(*out.rule);
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
    if (would_let_in && nearest.policy == nullptr && (one.policy != nullptr || one.unknown)) nearest = one;
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
    case Kind::login_method:
      return decision == Decision::allow || decision == Decision::deny;
    case Kind::service_token:
    case Kind::any_valid_service_token:
      return decision == Decision::service_auth;
  }
  return false;
}

std::string rule_text(const Rule& rule) {
  std::string out(name_of(rule.kind));
  if (!rule.value.empty()) out += " " + rule.value;
  return out;
}

std::string reason_of(const Verdict& verdict) {
  std::string unknown;
  if (verdict.unknown)
    unknown = "; the identity provider did not say which groups this person is in (" +
              std::string(phrase_of(*verdict.unknown)) + ")";
  if (verdict.policy == nullptr) return "no policy matches" + unknown;
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
  return out + rule_text(*verdict.rule) + unknown;
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

namespace {

constexpr std::string_view kLowerLetters = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kUpperLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kDigits = "0123456789";

bool made_of(std::string_view name, std::string_view first, std::string_view rest) {
  return !name.empty() && name.size() <= kMaxPrincipalBytes &&
         first.find(name.front()) != std::string_view::npos &&
         name.find_first_not_of(rest) == std::string_view::npos;
}

}  // namespace

bool valid_principal(std::string_view name) {
  static const std::string kFirst = std::string(kLowerLetters).append(kUpperLetters).append(kDigits) + "_";
  static const std::string kRest = kFirst + ".+-@\\";
  return made_of(name, kFirst, kRest);
}

std::optional<std::string> account_of(std::string_view name, AccountFrom from) {
  static const std::string kFirst = std::string(kLowerLetters) + "_";
  static const std::string kNarrow = kFirst + std::string(kDigits) + ".+-";
  static const std::string kWide = kNarrow + "@\\";
  std::string account = lower(name);
  if (!made_of(account, kFirst, from == AccountFrom::email ? kNarrow : kWide)) return std::nullopt;
  return account;
}

}  // namespace cfpipe::edge
