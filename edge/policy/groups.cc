#include "edge/policy/groups.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "base/json.h"
#include "edge/policy/claim_path.h"

namespace cfpipe::edge {
namespace {

namespace json = boost::json;

constexpr std::string_view kGroups = "groups";
constexpr std::string_view kUnknown = "groups_unknown";
/// What lists are joined by where a provider makes one string of them.
constexpr std::string_view kJoints = ",; \t\r\n";

struct Word {
  GroupsUnknown why;
  std::string_view carried;
  std::string_view shown;
};
constexpr std::array<Word, 5> kWords{
    {{GroupsUnknown::missing, "missing", "it sent no list of them"},
     {GroupsUnknown::too_many, "too_many", "too many groups"},
     {GroupsUnknown::malformed, "malformed", "they are in a form that is not read"},
     {GroupsUnknown::joined, "joined", "they came joined in one string; a list is needed"},
     {GroupsUnknown::no_answer, "no_answer", "its userinfo endpoint did not answer"}}};

/// Entra ID: `hasgroups`, or a reference to where the list is (OpenID Connect Core 1.0, 5.6.2).
bool has_overage(const json::object& claims, std::string_view name) {
  const auto* has = claims.if_contains("hasgroups");
  if (has != nullptr && !has->is_null() && !(has->is_bool() && !has->get_bool())) return true;
  const auto* elsewhere = claims.if_contains("_claim_names");
  if (elsewhere == nullptr || !elsewhere->is_object()) return false;
  const json::object& names = elsewhere->get_object();
  for (std::size_t end = name.size(); end != std::string_view::npos && end > 0;
       end = name.rfind('.', end - 1))
    if (names.contains(name.substr(0, end))) return true;
  return names.contains(kGroups);
}

Groups unknown(GroupsUnknown why) {
  return {{}, why};
}

Groups from_list(const json::array& list) {
  Groups out;
  for (const json::value& one : list) {
    if (!one.is_string()) return unknown(GroupsUnknown::malformed);
    out.names.emplace_back(one.get_string());
  }
  return out;
}

/// An empty object, or one of anything else, may mean whatever its maker meant.
Groups from_names(const json::object& object) {
  Groups out;
  for (const auto& [name, value] : object) {
    if (!value.is_object()) return unknown(GroupsUnknown::malformed);
    out.names.emplace_back(name);
  }
  return out.names.empty() ? unknown(GroupsUnknown::malformed) : out;
}

/// Some providers join the list, and a name may hold a blank or a comma: which it is cannot be told.
Groups from_text(std::string text) {
  if (text.empty()) return unknown(GroupsUnknown::malformed);
  if (text.find_first_of(kJoints) != std::string::npos) return unknown(GroupsUnknown::joined);
  return {{std::move(text)}, std::nullopt};
}

}  // namespace

std::string_view phrase_of(GroupsUnknown why) {
  for (const Word& word : kWords)
    if (word.why == why) return word.shown;
  return {};
}

Groups read_groups(const json::object& claims, std::string_view name) {
  if (has_overage(claims, name)) return unknown(GroupsUnknown::too_many);
  const FoundClaim found = find_claim(claims, name);
  if (found.value == nullptr && found.obstructed) return unknown(GroupsUnknown::malformed);
  if (found.value == nullptr || found.value->is_null()) return unknown(GroupsUnknown::missing);
  if (found.value->is_array()) return from_list(found.value->get_array());
  if (found.value->is_object()) return from_names(found.value->get_object());
  if (!found.value->is_string()) return unknown(GroupsUnknown::malformed);
  return from_text(std::string(found.value->get_string()));
}

void write_groups(json::object& object, const Groups& groups) {
  if (!groups.unknown) {
    if (!groups.names.empty()) object[kGroups] = json::array(groups.names.begin(), groups.names.end());
    return;
  }
  for (const Word& word : kWords)
    if (word.why == *groups.unknown) object[kUnknown] = word.carried;
}

Groups carried_groups(const json::object& object) {
  if (object.contains(kUnknown)) {
    const std::string said = text_of(object, kUnknown);
    for (const Word& word : kWords)
      if (word.carried == said) return unknown(word.why);
    return unknown(GroupsUnknown::malformed);
  }
  const auto* list = object.if_contains(kGroups);
  if (list == nullptr) return {};
  return list->is_array() ? from_list(list->get_array()) : unknown(GroupsUnknown::malformed);
}

Groups groups_to_carry(const Groups& groups, const std::vector<std::string>& named) {
  Groups out{{}, groups.unknown};
  for (const std::string& group : named)
    if (std::find(groups.names.begin(), groups.names.end(), group) != groups.names.end())
      out.names.push_back(group);
  return out;
}

}  // namespace cfpipe::edge
