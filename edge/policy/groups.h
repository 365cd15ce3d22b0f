#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cfpipe::edge {

/// Why the groups of a person are not known.
enum class GroupsUnknown {
  missing,    ///< the identity provider sent no such claim
  too_many,   ///< it left them out, as Entra ID does above 200 (`hasgroups`, `_claim_names`)
  malformed,  ///< in none of the forms that read_groups() reads
  joined,     ///< one string with commas, semicolons or blanks in it
  no_answer   ///< the userinfo endpoint, which has them, could not be asked
};

/// The groups of a person, if they are known. Unknown groups meet every rule that keeps people out, and none
/// that lets them in.
struct Groups {
  std::vector<std::string> names;
  std::optional<GroupsUnknown> unknown;  ///< why; the names are empty then

  bool operator==(const Groups&) const = default;
};

/// For people: `too many groups`.
std::string_view phrase_of(GroupsUnknown why);

/// What `claims` say: a list of strings; one string that has neither commas, semicolons nor blanks; or an
/// object of objects, whose names are the groups (Zitadel's roles). `name` is the claim's, or a path to it,
/// see find_claim(). What marks an overage counts before any list. Missing, where neither is there.
Groups read_groups(const boost::json::object& claims, std::string_view name);

/// Into a token or between the parts of a sign-in, and out of it: `groups`, and `groups_unknown` where they
/// are not known. What cannot be read is unknown.
void write_groups(boost::json::object& object, const Groups& groups);
Groups carried_groups(const boost::json::object& object);

/// What of a person's groups goes into tokens: those that policies name. The bounds on those bound this.
Groups groups_to_carry(const Groups& groups, const std::vector<std::string>& named);

}  // namespace cfpipe::edge
