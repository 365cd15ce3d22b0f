#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_range.h"
#include "edge/policy/groups.h"

namespace cfpipe::edge {

/// Bounds of what policies are made of, in bytes.
inline constexpr std::size_t kMaxPolicyNameBytes = 64;
inline constexpr std::size_t kMaxServiceNameBytes = 64;
inline constexpr std::size_t kMaxGroupBytes = 128;
/// Groups that the policies of one edge may name, and the bytes of all of them together: a person's share of
/// them travels in tokens, and a token must fit into a cookie (4 KiB in browsers).
inline constexpr std::size_t kMaxGroups = 64;
inline constexpr std::size_t kMaxGroupsBytes = 1024;
/// Claims that principals may be taken from, and the bytes of one's name.
inline constexpr std::size_t kMaxClaims = 4;
inline constexpr std::size_t kMaxClaimBytes = 64;
/// Longest user name in a certificate.
inline constexpr std::size_t kMaxPrincipalBytes = 64;
/// Values of a person's claims that are carried in tokens, and the bytes of all of them together.
inline constexpr std::size_t kMaxClaimValues = 16;
inline constexpr std::size_t kMaxClaimValuesBytes = 512;

/// One condition on who asks, or from where.
struct Rule {
  enum class Kind {
    email,
    email_domain,
    group,
    login_method,
    ip,
    service_token,
    any_valid_service_token,
    everyone
  };
  Kind kind = Kind::everyone;
  std::string value = {};  ///< as configured; emails and domains in lower case
  IpRange range = {};      ///< of kind ip
};

enum class Decision { allow, deny, service_auth, bypass };

/// Matches a subject that meets any of `include`, all of `require` and none of `exclude`.
struct Policy {
  std::string name;
  Decision decision = Decision::allow;
  std::vector<Rule> include;
  std::vector<Rule> require;
  std::vector<Rule> exclude;
};

/// Who asks, as far as it has been proved, and from where.
struct Subject {
  std::string email;          ///< of the user who has signed in; or empty
  Groups groups;              ///< of that person
  std::string login_method;   ///< the identity provider that has said so
  std::string service_token;  ///< name of the valid service token that was shown; or empty
  std::optional<IpAddress> ip;

  bool known() const { return !email.empty() || !service_token.empty(); }
};

/// What the policies say, and what it hangs on.
struct Verdict {
  enum class Kind { allow, service_auth, bypass, deny, no_match };
  enum class Part { include, require, exclude };
  Kind kind = Kind::no_match;
  /// The policy that matched; of no_match: the first that would have let the subject in but for one rule, or
  /// null.
  const Policy* policy = nullptr;
  /// Of a match: the include rule that was met. Of no_match: the rule in the way.
  const Rule* rule = nullptr;
  Part part = Part::include;
  /// Set where the rule counts as met or not because the subject's groups are unknown; of no_match without a
  /// policy: where an include rule may have been met.
  std::optional<GroupsUnknown> unknown = std::nullopt;

  bool passes() const { return kind != Kind::deny && kind != Kind::no_match; }
};

/// Purpose of a request. Bypass lets connections pass without an identity, so it grants neither token nor
/// certificate.
enum class Asking { to_pass, for_identity };

/// Groups that are unknown meet every group rule that keeps people out: include and require of deny policies,
/// exclude of others. They meet no other.
///
/// As in Access: bypass and service_auth policies are looked at first, in their order, then allow and deny
/// policies, in theirs; the first that matches decides, and if none does access is denied. Allow and deny
/// are about people who have signed in, service_auth about valid service tokens. The pointers are into
/// `policies`.
Verdict decide(const std::vector<Policy>& policies, const Subject& subject, Asking asking = Asking::to_pass);

/// Whether one policy by itself matches, and what that hangs on (kind: the policy's, or no_match).
Verdict try_policy(const Policy& policy, const Subject& subject);

/// The order in which decide() looks at them.
std::vector<const Policy*> in_order(const std::vector<Policy>& policies);

/// Whether signing in can help anybody: there is an allow policy.
bool people_may_enter(const std::vector<Policy>& policies);

std::string_view name_of(Decision decision);
std::string_view name_of(Rule::Kind kind);
std::optional<Decision> decision_of(std::string_view name);
std::optional<Rule::Kind> rule_kind_of(std::string_view name);
/// Whether rules of that kind may stand in policies of that decision.
bool fits(Rule::Kind kind, Decision decision);

/// `email_domain example.com`, `everyone`.
std::string rule_text(const Rule& rule);
/// Why, in one line without the subject's name: `policy 'staff' excludes email eve@example.com`.
std::string reason_of(const Verdict& verdict);

/// A name for a service token: letters, digits, `.`, `_` and `-`, starting with a letter or digit.
bool valid_service_name(std::string_view name);
/// A group as an identity provider may name it: printable, of sane length.
bool valid_group(std::string_view name);
/// A user name as a configuration may name it: letters, digits, and `_ . + - @ \`, beginning with a letter, a
/// digit or `_`. With @ and \ sssd and winbind name the accounts of domains.
bool valid_principal(std::string_view name);

/// Where a person's user name comes from.
enum class AccountFrom { email, claim };
/// That name in lower case, as accounts are: `[a-z_][a-z0-9_.+-]*`, from a claim also with `@` and `\`.
/// Nothing for any other text, which is not to become a principal.
std::optional<std::string> account_of(std::string_view name, AccountFrom from);

}  // namespace cfpipe::edge
