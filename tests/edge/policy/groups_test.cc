#include "edge/policy/groups.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "edge/policy/policy.h"

namespace cfpipe::edge {
namespace {

boost::json::object claims_of(const char* text) {
  return boost::json::parse(text).as_object();
}

struct GroupsCase {
  const char* claims;
  std::optional<GroupsUnknown> unknown;
  std::vector<std::string> names = {};
};

TEST(Groups, AreAListOrOneNameAndElseUnknown) {
  using Why = GroupsUnknown;
  for (const GroupsCase& test :
       {GroupsCase{R"({"groups":["a","b c"]})", {}, {"a", "b c"}},
        GroupsCase{R"({"groups":[]})", {}},
        GroupsCase{R"({"groups":"sre"})", {}, {"sre"}},
        GroupsCase{R"({"groups":["a"],"hasgroups":false})", {}, {"a"}},
        GroupsCase{R"({"groups":["a"],"_claim_names":{"address":"src1"}})", {}, {"a"}},
        GroupsCase{R"({})", Why::missing},
        GroupsCase{R"({"groups":null})", Why::missing},
        GroupsCase{R"({"hasgroups":true})", Why::too_many},
        GroupsCase{R"({"hasgroups":"true"})", Why::too_many},
        GroupsCase{R"({"hasgroups":true,"groups":["a"]})", Why::too_many},
        GroupsCase{R"({"_claim_names":{"groups":"src1"},"_claim_sources":{}})", Why::too_many},
        GroupsCase{R"({"hasgroups":false,"_claim_names":{"groups":"src1"}})", Why::too_many},
        GroupsCase{R"({"groups":{"sre":{"1":"x.org"},"dev":{}}})", {}, {"sre", "dev"}},
        GroupsCase{R"({"groups":"contractors,dev"})", Why::joined},
        GroupsCase{R"({"groups":"contractors dev"})", Why::joined},
        GroupsCase{R"({"groups":"contractors; dev"})", Why::joined},
        GroupsCase{R"({"groups":"contractors\ndev"})", Why::joined},
        GroupsCase{R"({"groups":{}})", Why::malformed},
        GroupsCase{R"({"groups":{"a":{},"b":false}})", Why::malformed},
        GroupsCase{R"({"groups":""})", Why::malformed},
        GroupsCase{R"({"groups":7})", Why::malformed},
        GroupsCase{R"({"groups":true})", Why::malformed},
        GroupsCase{R"({"groups":{"a":1}})", Why::malformed},
        GroupsCase{R"({"groups":["a",7]})", Why::malformed},
        GroupsCase{R"({"groups":[{"name":"contractors"}]})", Why::malformed},
        GroupsCase{R"({"groups":[["a"]]})", Why::malformed}}) {
    const Groups groups = read_groups(claims_of(test.claims), "groups");
    EXPECT_EQ(groups.unknown, test.unknown) << test.claims;
    EXPECT_EQ(groups.names, test.names) << test.claims;
  }
  EXPECT_EQ(read_groups(claims_of(R"({"_claim_names":{"roles":"src1"}})"), "roles").unknown, Why::too_many);
}

TEST(Groups, MayBeInAClaimWithinAnother) {
  using Why = GroupsUnknown;
  const auto groups = [](const char* claims, const char* name) {
    return read_groups(claims_of(claims), name);
  };
  EXPECT_EQ(groups(R"({"realm_access":{"roles":["a"]}})", "realm_access.roles"), (Groups{{"a"}, {}}));
  EXPECT_EQ(groups(R"({"realm_access":{"roles":["a"]},"realm_access.roles":["b"]})", "realm_access.roles"),
            (Groups{{"b"}, {}}))
      << "the exact name counts first";
  EXPECT_EQ(groups(R"({"https://x.org/roles":["a"]})", "https://x.org/roles"), (Groups{{"a"}, {}}));
  EXPECT_EQ(groups(R"({"resource_access":{"my.app":{"roles":["a"]}}})", "resource_access.my.app.roles"),
            (Groups{{"a"}, {}}));
  EXPECT_EQ(groups(R"({"a":{"b":{"c":["x"]}},"a.b":{"c":["y"]}})", "a.b.c"), (Groups{{"y"}, {}}));
  EXPECT_EQ(groups(R"({"a":{"b":{"c":["x"]}},"a.b":{"d":["y"]}})", "a.b.c"), (Groups{{"x"}, {}}));
  for (const char* missing :
       {"{}", R"({"realm_access":null})", R"({"realm_access":{}})", R"({"roles":["a"]})"})
    EXPECT_EQ(groups(missing, "realm_access.roles").unknown, Why::missing) << missing;
  for (const char* other :
       {R"({"realm_access":["a"]})", R"({"realm_access":"a"})", R"({"realm_access":{"roles":1}})"})
    EXPECT_EQ(groups(other, "realm_access.roles").unknown, Why::malformed) << other;
  EXPECT_EQ(groups(R"({"_claim_names":{"realm_access":"src1"}})", "realm_access.roles").unknown,
            Why::too_many);
  for (const char* name : {".", "..", "a.", ".a", "a..b"})
    EXPECT_EQ(groups(R"({"a":{"x":["y"]}})", name).unknown, Why::missing) << name;
}

TEST(Groups, StayUnknownOnTheirWayThroughATokenOrANote) {
  for (const auto why : {GroupsUnknown::missing, GroupsUnknown::too_many, GroupsUnknown::malformed,
                         GroupsUnknown::joined, GroupsUnknown::no_answer}) {
    boost::json::object carried;
    write_groups(carried, {{}, why});
    EXPECT_EQ(carried_groups(carried), (Groups{{}, why}));
    EXPECT_FALSE(phrase_of(why).empty());
  }
  boost::json::object carried;
  write_groups(carried, {{"a", "b"}, {}});
  EXPECT_EQ(carried_groups(carried), (Groups{{"a", "b"}, {}}));
  EXPECT_EQ(carried_groups({}), Groups());
  EXPECT_TRUE(carried_groups(claims_of(R"({"groups_unknown":"a later word"})")).unknown);
  EXPECT_TRUE(carried_groups(claims_of(R"({"groups_unknown":7,"groups":["a"]})")).unknown);
  EXPECT_TRUE(carried_groups(claims_of(R"({"groups":"a"})")).unknown);
}

Rule everyone_by_default() {
  return {};
}
Rule named_group(const char* name) {
  return {Rule::Kind::group, name};
}

struct UnknownCase {
  Policy policy;
  bool matches;
};

TEST(UnknownGroups, MeetEveryRuleThatKeepsPeopleOutAndNoOther) {
  Subject subject;
  subject.email = "ann@example.com";
  subject.groups.unknown = GroupsUnknown::too_many;
  for (const auto& [policy, matches] :
       {UnknownCase{{"allow include", Decision::allow, {named_group("g")}, {}, {}}, false},
        UnknownCase{{"allow require", Decision::allow, {everyone_by_default()}, {named_group("g")}, {}},
                    false},
        UnknownCase{{"allow exclude", Decision::allow, {everyone_by_default()}, {}, {named_group("g")}},
                    false},
        UnknownCase{
            {"allow other include", Decision::allow, {named_group("g"), everyone_by_default()}, {}, {}},
            true},
        UnknownCase{{"deny include", Decision::deny, {named_group("g")}, {}, {}}, true},
        UnknownCase{{"deny require", Decision::deny, {everyone_by_default()}, {named_group("g")}, {}}, true},
        UnknownCase{{"deny exclude", Decision::deny, {everyone_by_default()}, {}, {named_group("g")}},
                    true}}) {
    const Verdict verdict = try_policy(policy, subject);
    EXPECT_EQ(verdict.kind != Verdict::Kind::no_match, matches) << policy.name;
    EXPECT_EQ(verdict.unknown.has_value(), policy.name != "allow other include") << policy.name;
  }
}

TEST(UnknownGroups, AreTheReasonThatPeopleRead) {
  Subject subject;
  subject.email = "ann@example.com";
  subject.groups.unknown = GroupsUnknown::too_many;
  const std::string why =
      "; the identity provider did not say which groups this person is in (too many groups)";
  const std::vector<Policy> excluding{
      {"all", Decision::allow, {everyone_by_default()}, {}, {named_group("contractors")}}};
  EXPECT_EQ(reason_of(decide(excluding, subject)), "policy 'all' excludes group contractors" + why);
  const std::vector<Policy> denying{{"out", Decision::deny, {named_group("contractors")}, {}, {}},
                                    {"all", Decision::allow, {everyone_by_default()}, {}, {}}};
  EXPECT_EQ(decide(denying, subject).kind, Verdict::Kind::deny);
  EXPECT_EQ(reason_of(decide(denying, subject)), "policy 'out' denies group contractors" + why);
  const std::vector<Policy> including{{"in", Decision::allow, {named_group("staff")}, {}, {}}};
  EXPECT_EQ(reason_of(decide(including, subject)), "no policy matches" + why);
  subject.groups = {};
  EXPECT_TRUE(decide(excluding, subject).passes());
  EXPECT_TRUE(decide(denying, subject).passes());
}

}  // namespace
}  // namespace cfpipe::edge
