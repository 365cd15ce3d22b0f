#include "edge/groups.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "auth/json.h"

namespace cfpipe::edge {
namespace {

namespace json = boost::json;

constexpr std::string_view kGroups = "groups";
constexpr std::string_view kUnknown = "groups_unknown";

struct Word {
  GroupsUnknown why;
  std::string_view carried;
  std::string_view shown;
};
constexpr std::array<Word, 4> kWords{
    {{GroupsUnknown::missing, "missing", "it sent no list of them"},
     {GroupsUnknown::too_many, "too_many", "too many groups"},
     {GroupsUnknown::malformed, "malformed", "they are in a form that is not read"},
     {GroupsUnknown::no_answer, "no_answer", "its userinfo endpoint did not answer"}}};

/// Entra ID: `hasgroups`, or a reference to where the list is (OpenID Connect Core 1.0, 5.6.2).
bool has_overage(const json::object& claims, std::string_view name) {
  const auto* has = claims.if_contains("hasgroups");
  if (has != nullptr && !has->is_null() && !(has->is_bool() && !has->get_bool())) return true;
  const auto* elsewhere = claims.if_contains("_claim_names");
  if (elsewhere == nullptr || !elsewhere->is_object()) return false;
  return elsewhere->get_object().contains(name) || elsewhere->get_object().contains(kGroups);
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

}  // namespace

std::string_view text_of(GroupsUnknown why) {
  for (const Word& word : kWords)
    if (word.why == why) return word.shown;
  return {};
}

Groups read_groups(const json::object& claims, std::string_view name) {
  if (has_overage(claims, name)) return unknown(GroupsUnknown::too_many);
  const auto* value = claims.if_contains(name);
  if (value == nullptr || value->is_null()) return unknown(GroupsUnknown::missing);
  if (value->is_array()) return from_list(value->get_array());
  if (!value->is_string()) return unknown(GroupsUnknown::malformed);
  // Some providers join the list by commas, and a name may hold one: which it is cannot be told.
  const std::string one(value->get_string());
  if (one.empty() || one.find(',') != std::string::npos) return unknown(GroupsUnknown::malformed);
  return {{one}, std::nullopt};
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
    const std::string said = auth::text_of(object, kUnknown);
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
