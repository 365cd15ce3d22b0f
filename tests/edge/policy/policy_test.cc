#include "edge/policy/policy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "edge/config/config.h"

namespace cfpipe::edge {
namespace {

using Kind = Rule::Kind;

Rule email(const std::string& value) {
  return {Kind::email, value};
}
Rule domain(const std::string& value) {
  return {Kind::email_domain, value};
}
Rule group(const std::string& value) {
  return {Kind::group, value};
}
Rule ip(const std::string& value) {
  return {Kind::ip, value, parse_ip_range(value).value()};
}
Rule service(const std::string& value) {
  return {Kind::service_token, value};
}
Rule any_service() {
  return {Kind::any_valid_service_token};
}
Rule everyone() {
  return {Kind::everyone};
}

/// One of each kind, in an order that evaluation has to change; the names say what they are for.
std::vector<Policy> company() {
  return {
      {"contractors", Decision::deny, {group("contractors")}, {}, {email("lead@example.com")}},
      {"staff",
       Decision::allow,
       {domain("example.com"), email("ann@other.org")},
       {},
       {email("eve@example.com")}},
      {"ci", Decision::service_auth, {service("deploy")}, {ip("10.0.0.0/8")}, {}},
      {"probe", Decision::bypass, {ip("192.0.2.7"), ip("2001:db8::/32")}, {}, {ip("2001:db8:1::/48")}},
      {"admins", Decision::allow, {everyone()}, {group("sre"), ip("10.0.0.0/8")}, {}},
  };
}

struct Case {
  const char* name;
  const char* email;
  std::vector<std::string> groups;
  const char* service_token;
  const char* ip;
  Verdict::Kind kind;
  const char* reason;
};
class PolicyTable : public ::testing::TestWithParam<Case> {};

TEST_P(PolicyTable, SaysWhichPolicyAndRuleDecides) {
  const Case& test = GetParam();
  Subject subject;
  subject.email = test.email;
  subject.groups.names = test.groups;
  subject.service_token = test.service_token;
  subject.ip = parse_ip(test.ip);
  const auto policies = company();
  const Verdict verdict = decide(policies, subject);
  EXPECT_EQ(verdict.kind, test.kind);
  EXPECT_EQ(reason_of(verdict), test.reason);
}

using V = Verdict::Kind;
INSTANTIATE_TEST_SUITE_P(
    Table, PolicyTable,
    ::testing::Values(
        Case{"ByDomain",
             "Bob@Example.COM",
             {},
             "",
             "",
             V::allow,
             "policy 'staff' lets in email_domain example.com"},
        Case{"ByEmail", "ann@other.org", {}, "", "", V::allow, "policy 'staff' lets in email ann@other.org"},
        Case{"OtherDomain", "bob@other.org", {}, "", "", V::no_match, "policy 'admins' requires group sre"},
        Case{"SubdomainIsAnother",
             "bob@x.example.com",
             {},
             "",
             "",
             V::no_match,
             "policy 'admins' requires group sre"},
        Case{"DomainAsSuffix",
             "bob@notexample.com",
             {},
             "",
             "",
             V::no_match,
             "policy 'admins' requires group sre"},
        Case{"Excluded",
             "Eve@example.com",
             {},
             "",
             "",
             V::no_match,
             "policy 'staff' excludes email eve@example.com"},
        Case{"ExcludedButLaterLetIn",
             "eve@example.com",
             {"sre"},
             "",
             "10.1.2.3",
             V::allow,
             "policy 'admins' lets in everyone"},
        Case{"DenyComesBeforeAllow",
             "bob@example.com",
             {"contractors"},
             "",
             "",
             V::deny,
             "policy 'contractors' denies group contractors"},
        Case{"DenyExcludes",
             "lead@example.com",
             {"contractors"},
             "",
             "",
             V::allow,
             "policy 'staff' lets in email_domain example.com"},
        Case{"GroupsAreCaseSensitive",
             "bob@example.com",
             {"Contractors"},
             "",
             "",
             V::allow,
             "policy 'staff' lets in email_domain example.com"},
        Case{"RequireAll",
             "x@other.org",
             {"sre"},
             "",
             "10.255.255.255",
             V::allow,
             "policy 'admins' lets in everyone"},
        Case{"RequireAllButOne",
             "x@other.org",
             {"sre"},
             "",
             "11.0.0.0",
             V::no_match,
             "policy 'admins' requires ip 10.0.0.0/8"},
        Case{"AddressUnknown",
             "x@other.org",
             {"sre"},
             "",
             "",
             V::no_match,
             "policy 'admins' requires ip 10.0.0.0/8"},
        Case{"MappedAddress",
             "x@other.org",
             {"sre"},
             "",
             "::ffff:10.1.1.1",
             V::allow,
             "policy 'admins' lets in everyone"},
        Case{"Service",
             "",
             {},
             "deploy",
             "10.0.0.1",
             V::service_auth,
             "policy 'ci' lets in service_token deploy"},
        Case{"ServiceFromElsewhere",
             "",
             {},
             "deploy",
             "192.0.2.1",
             V::no_match,
             "policy 'ci' requires ip 10.0.0.0/8"},
        Case{"OtherService", "", {}, "backup", "10.0.0.1", V::no_match, "no policy matches"},
        Case{"ServiceIsNoPerson", "", {"sre"}, "backup", "10.0.0.1", V::no_match, "no policy matches"},
        Case{"Anonymous", "", {}, "", "10.0.0.1", V::no_match, "no policy matches"},
        Case{"AnonymousHasGroups", "", {"sre"}, "", "10.0.0.1", V::no_match, "no policy matches"},
        Case{"Bypassed", "", {}, "", "192.0.2.7", V::bypass, "policy 'probe' lets in ip 192.0.2.7"},
        Case{"BypassComesFirst",
             "bob@example.com",
             {"contractors"},
             "",
             "192.0.2.7",
             V::bypass,
             "policy 'probe' lets in ip 192.0.2.7"},
        Case{"BypassV6", "", {}, "", "2001:db8:2::1", V::bypass, "policy 'probe' lets in ip 2001:db8::/32"},
        Case{"BypassExcludes", "", {}, "", "2001:db8:1::1", V::no_match, "no policy matches"},
        Case{"NotAnAddress", "ann@evil.com@example.com", {}, "", "", V::no_match, "no policy matches"},
        Case{"NoPrefix", "@example.com", {}, "", "", V::no_match, "no policy matches"},
        Case{"LineBreak", "bob\n@example.com", {"sre"}, "", "10.0.0.1", V::no_match, "no policy matches"}),
    [](const auto& param) { return param.param.name; });

TEST(Policy, BypassAndServiceAuthComeFirstEachInItsOrder) {
  std::vector<Policy> policies;
  for (const auto& [name, decision] : {std::pair{"allow a", Decision::allow},
                                       {"deny b", Decision::deny},
                                       {"service c", Decision::service_auth},
                                       {"bypass d", Decision::bypass},
                                       {"allow e", Decision::allow}})
    policies.push_back({name, decision, {everyone()}, {}, {}});
  std::vector<std::string> order;
  for (const Policy* policy : in_order(policies)) order.push_back(policy->name);
  EXPECT_EQ(order, (std::vector<std::string>{"service c", "bypass d", "allow a", "deny b", "allow e"}));
  Subject ann;
  ann.email = "ann@example.com";
  EXPECT_EQ(decide(policies, ann).policy->name, "bypass d") << "service_auth wants a service token";
  EXPECT_EQ(decide(policies, ann, Asking::for_identity).policy->name, "allow a")
      << "bypass grants no identity";
  Subject deploy;
  deploy.service_token = "deploy";
  EXPECT_EQ(decide(policies, deploy).policy->name, "service c");
}

TEST(Policy, TheFirstOneThatNearlyLetsInIsNamed) {
  std::vector<Policy> policies;
  for (const char* name : {"first", "second"})
    policies.push_back({name, Decision::allow, {everyone()}, {{Rule::Kind::group, name, {}}}, {}});
  Subject ann;
  ann.email = "ann@example.com";
  EXPECT_EQ(reason_of(decide(policies, ann)), "policy 'first' requires group first");
}

TEST(Policy, NamesAreTakenUpToTheirBounds) {
  const std::string longest(kMaxPrincipalBytes, 'a');
  EXPECT_TRUE(valid_principal(longest));
  EXPECT_FALSE(valid_principal(longest + "a"));
  EXPECT_EQ(account_of(longest, AccountFrom::claim), longest);
  EXPECT_FALSE(account_of(longest + "a", AccountFrom::claim));
  EXPECT_TRUE(valid_group(std::string(kMaxGroupBytes, 'g')));
  EXPECT_FALSE(valid_group(std::string(kMaxGroupBytes + 1, 'g')));
  EXPECT_TRUE(valid_group("a ~"));
  for (const char* none : {"", "a\x7f", "a\x1f", "\n"}) EXPECT_FALSE(valid_group(none));
}

TEST(Policy, WithoutPoliciesAllAreDenied) {
  Subject ann;
  ann.email = "ann@example.com";
  EXPECT_FALSE(decide({}, ann).passes());
  EXPECT_FALSE(decide({Policy{"empty", Decision::bypass, {}, {}, {}}}, ann).passes());
}

TEST(Policy, ServiceAuthTakesAnyValidToken) {
  const std::vector<Policy> policies{{"any", Decision::service_auth, {any_service()}, {}, {service("old")}}};
  Subject subject;
  EXPECT_FALSE(decide(policies, subject).passes());
  subject.service_token = "new";
  EXPECT_TRUE(decide(policies, subject).passes());
  subject.service_token = "old";
  EXPECT_EQ(reason_of(decide(policies, subject)), "policy 'any' excludes service_token old");
}

struct RangeCase {
  const char* range;
  const char* inside;
  const char* outside;
};
class Ranges : public ::testing::TestWithParam<RangeCase> {};

TEST_P(Ranges, ContainWhatTheyShould) {
  const auto range = parse_ip_range(GetParam().range);
  ASSERT_TRUE(range);
  EXPECT_TRUE(range->contains(parse_ip(GetParam().inside).value())) << GetParam().inside;
  EXPECT_FALSE(range->contains(parse_ip(GetParam().outside).value())) << GetParam().outside;
}

INSTANTIATE_TEST_SUITE_P(Table, Ranges,
                         ::testing::Values(RangeCase{"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
                                           RangeCase{"10.128.0.0/9", "10.128.0.0", "10.127.255.255"},
                                           RangeCase{"192.0.2.4/30", "192.0.2.7", "192.0.2.8"},
                                           RangeCase{"192.0.2.4", "192.0.2.4", "192.0.2.5"},
                                           RangeCase{"192.0.2.4/32", "::ffff:192.0.2.4", "::ffff:192.0.2.5"},
                                           RangeCase{"0.0.0.0/0", "255.255.255.255", "::1"},
                                           RangeCase{"::/0", "2001:db8::1", "127.0.0.1"},
                                           RangeCase{"::/0", "::1", "::ffff:127.0.0.1"},
                                           RangeCase{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
                                           RangeCase{"2001:db8::1/128", "2001:db8::1", "2001:db8::2"},
                                           RangeCase{"fe80::/10", "febf::1", "fec0::1"}));

TEST(Ranges, ThatAreNone) {
  for (const char* text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8", "10/8",
        "10.0.0.1/8", "010.0.0.0/8", "10.0.0.0/8/8", "2001:db8::/129", "2001:db8::1/64",
        "::ffff:10.0.0.0/104", "fe80::%eth0/10", "localhost", "10.0.0.0/4294967304"})
    EXPECT_FALSE(parse_ip_range(text)) << text;
}

TEST(Groups, OnlyThoseThatPoliciesNameTravel) {
  Config config;
  for (const char* name : {"sre", "dba", "sre"}) {
    ApplicationConfig app;
    app.policies.push_back({"p", Decision::allow, {group(name)}, {}, {group("gone")}});
    config.applications.push_back(app);
  }
  EXPECT_EQ(groups_named(config), (std::vector<std::string>{"dba", "gone", "sre"}));
  EXPECT_EQ(groups_to_carry({{"zzz", "sre", "all", "sre", "gone"}, {}}, groups_named(config)),
            (Groups{{"gone", "sre"}, {}}));
  const Groups unknown{{}, GroupsUnknown::too_many};
  EXPECT_EQ(groups_to_carry(unknown, groups_named(config)), unknown);
}

TEST(Names, OfServiceTokensAndGroups) {
  for (const char* good : {"deploy", "Deploy-2.ci_x", "7"}) EXPECT_TRUE(valid_service_name(good)) << good;
  for (const char* bad : {"", "-x", ".x", "a b", "a@b", "a/b", "a\n", "\xc3\xa9", "a:b"})
    EXPECT_FALSE(valid_service_name(bad)) << bad;
  EXPECT_FALSE(valid_service_name(std::string(kMaxServiceNameBytes + 1, 'a')));
  EXPECT_TRUE(valid_group("Domain Admins/Europe"));
  EXPECT_FALSE(valid_group("a\nb"));
  EXPECT_FALSE(valid_group(""));
  EXPECT_FALSE(valid_group(std::string(kMaxGroupBytes + 1, 'a')));
}

TEST(Policy, ASignInCountsByItsProvider) {
  const Rule corp{Kind::login_method, "corp"};
  Subject subject;
  subject.email = "ann@example.com";
  const auto passes = [&](const Policy& policy, const std::string& provider) {
    subject.login_method = provider;
    return decide({policy}, subject).passes();
  };
  const Policy include{"a", Decision::allow, {corp}, {}, {}};
  const Policy require{"a", Decision::allow, {domain("example.com")}, {corp}, {}};
  const Policy exclude{"a", Decision::allow, {domain("example.com")}, {}, {corp}};
  for (const Policy& policy : {include, require}) {
    EXPECT_TRUE(passes(policy, "corp"));
    EXPECT_FALSE(passes(policy, "partner"));
    EXPECT_FALSE(passes(policy, "Corp")) << "spelt as it is";
    EXPECT_FALSE(passes(policy, ""));
  }
  EXPECT_FALSE(passes(exclude, "corp"));
  EXPECT_TRUE(passes(exclude, "partner"));
  EXPECT_EQ(reason_of(decide({require}, subject)), "policy 'a' requires login_method corp");
  subject.login_method = "corp";
  EXPECT_EQ(reason_of(decide({require}, subject)), "policy 'a' lets in email_domain example.com");
  EXPECT_FALSE(fits(Kind::login_method, Decision::service_auth));
  EXPECT_FALSE(fits(Kind::login_method, Decision::bypass));
}

}  // namespace
}  // namespace cfpipe::edge
