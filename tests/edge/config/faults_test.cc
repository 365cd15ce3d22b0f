#include <gtest/gtest.h>

#include "edge/config/config.h"
#include "edge/config_fixture.h"
#include "edge/policy/app_name.h"

namespace cfpipe::edge {
namespace {

struct FaultCase {
  const char* name;
  const char* from;
  const char* to;
  int line;
  const char* says;
};
class ConfigFaults : public ::testing::TestWithParam<FaultCase> {};

TEST_P(ConfigFaults, AreNamedWithTheirLine) {
  const FaultCase& test = GetParam();
  const LoadedConfig loaded = parse_config(replaced(kGood, test.from, test.to));
  ASSERT_EQ(loaded.faults.size(), 1u);
  EXPECT_EQ(loaded.faults[0].line, test.line);
  EXPECT_NE(loaded.faults[0].text.find(test.says), std::string::npos) << loaded.faults[0].text;
}

INSTANTIATE_TEST_SUITE_P(
    Table, ConfigFaults,
    ::testing::Values(
        FaultCase{"UnknownTopKey", "session_duration: 12h", "sesion_duration: 12h", 5,
                  "unknown key 'sesion_duration'"},
        FaultCase{"UnknownAppKey", "    session_duration: 8h", "    colour: blue", 12,
                  "unknown key 'colour'"},
        FaultCase{"UnknownPolicyKey", "        exclude:", "        excluded:", 22, "unknown key 'excluded'"},
        FaultCase{"NoThreads", "session_duration: 12h", "threads: 0", 5, "from 1 to 256"},
        FaultCase{"TooManyThreads", "session_duration: 12h", "threads: 257", 5, "from 1 to 256"},
        FaultCase{"ThreadsOfNoNumber", "session_duration: 12h", "threads: all", 5, "from 1 to 256"},
        FaultCase{"NoTunnels", "session_duration: 12h", "limits: {tunnels_per_user: 0}", 5, "from 1 to"},
        FaultCase{"NoConnections", "session_duration: 12h", "limits: {connections_per_address: 0}", 5,
                  "from 1 to"},
        FaultCase{"NoLogins", "session_duration: 12h", "limits: {logins_per_address: 0}", 5,
                  "from 1 to 10000"},
        FaultCase{"TooLittleMemory", "session_duration: 12h", "limits: {memory: 15MiB}", 5,
                  "from 16MiB to 1TiB"},
        FaultCase{"TooMuchMemory", "session_duration: 12h", "limits: {memory: 2TiB}", 5, "from 16MiB to"},
        FaultCase{"MemoryBeyondCounting", "session_duration: 12h", "limits: {memory: 99999999999TiB}", 5,
                  "from 16MiB to"},
        FaultCase{"MemoryOfNoUnit", "session_duration: 12h", "limits: {memory: 128MB}", 5, "from 16MiB to"},
        FaultCase{"MemoryOfNoNumber", "session_duration: 12h", "limits: {memory: MiB}", 5, "from 16MiB to"},
        FaultCase{"NoMemory", "session_duration: 12h", "limits: {memory: none}", 5, "from 16MiB to"},
        FaultCase{"UnknownLimit", "session_duration: 12h", "limits: {tunnels: 5}", 5,
                  "unknown key 'tunnels'"},
        FaultCase{"SessionLimitOfNoTime", "    session_duration: 8h", "    session_limit: ever", 12,
                  "certificate, none, or a duration"},
        FaultCase{"SessionLimitTooShort", "    session_duration: 8h", "    session_limit: 0s", 12,
                  "session_limit"},
        FaultCase{"UnknownExtension", "ttl: 5m", "extensions: [permit-pty, permit-all]", 14,
                  "must be permit-pty"},
        FaultCase{"ExtensionTwice", "ttl: 5m", "extensions: [permit-pty, permit-pty]", 14, "there already"},
        FaultCase{"ExtensionsOfNoList", "ttl: 5m", "extensions: permit-pty", 14, "must be a list"},
        FaultCase{"SourceAddressWithHostBits", "ttl: 5m", "source_address: [10.0.0.1/8]", 14, "host bits"},
        FaultCase{"SourceAddressOfNoList", "ttl: 5m", "source_address: 10.0.0.0/8", 14,
                  "must be a list of 1"},
        FaultCase{"NoSourceAddress", "ttl: 5m", "source_address: []", 14, "must be a list of 1"},
        FaultCase{"ForceCommandOfTwoLines", "ttl: 5m", "force_command: \"a\\nb\"", 14, "one line"},
        FaultCase{"ForceCommandOfNothing", "ttl: 5m", "force_command: ''", 14, "one line"},
        FaultCase{"KeyTwice", "session_duration: 12h", "state: /other", 5, "twice"},
        FaultCase{"BadDuration", "12h", "12 hours", 5, "duration"},
        FaultCase{"DurationTooLong", "12h", "365d", 5, "between"},
        FaultCase{"TtlTooShort", "ttl: 5m", "ttl: 5s", 14, "between"},
        FaultCase{"BadListen", "127.0.0.1:8443", "localhost", 1, "listen"},
        FaultCase{"DevOnPublicAddress", "127.0.0.1:8443", "0.0.0.0:8443", 7, "loopback"},
        FaultCase{"BadAuthDomain", "Auth.Example.com:8443", "auth_example", 3, "auth_domain"},
        FaultCase{"RelativeState", "/var/lib/cfpipe", "var/lib", 4, "absolute"},
        FaultCase{"UnknownProvider", "type: dev", "type: ldap", 7, "oidc or dev"},
        FaultCase{"OidcWithoutIssuer", "type: dev\n  groups: [SRE Europe]",
                  "{type: oidc, client_id: a, client_secret_file: /s}", 7, "issuer"},
        FaultCase{"WildcardOfTheLastLabel", "hostname: vm.example.com", "hostname: 'example.*'", 10,
                  "a * in the last part"},
        FaultCase{"TwoWildcardsInALabel", "hostname: vm.example.com", "hostname: 'a*b*.example.com'", 10,
                  "more than one *"},
        FaultCase{"AppOfTheEdgesOwnPath", "hostname: vm.example.com", "hostname: vm.example.com/cdn-cgi/x",
                  10, "edge's own"},
        FaultCase{"PathOfTheAuthDomain", "hostname: vm.example.com", "hostname: auth.example.com/a", 10,
                  "auth_domain"},
        FaultCase{"AppIsAuthDomain", "hostname: vm.example.com", "hostname: auth.example.com", 10,
                  "auth_domain"},
        FaultCase{"IdleLimitOfNoTime", "    session_duration: 8h", "    idle_limit: long", 12,
                  "none, or a duration"},
        FaultCase{"DrainOfNoTime", "session_duration: 12h", "drain: long", 5, "drain"},
        FaultCase{"DrainTooLong", "session_duration: 12h", "drain: 9h", 5, "between 1s and 28800s"},
        FaultCase{"DrainTooShort", "session_duration: 12h", "drain: 0s", 5, "between 1s and 28800s"},
        FaultCase{"IdleLimitTooShort", "    session_duration: 8h", "    idle_limit: 0s", 12, "idle_limit"},
        FaultCase{"ConnectorOfNoName", "    session_duration: 8h", "    connector: a b", 12,
                  "letters, digits"},
        FaultCase{"NoConnectors", "    session_duration: 8h", "    connector: []", 12, "a name, or a list"},
        FaultCase{"ConnectorOfKeys", "    session_duration: 8h", "    connector: {name: office}", 12,
                  "takes names"},
        FaultCase{"ConnectorForASocket", "    service: ssh://10.0.0.5",
                  "    service: unix:/run/app.sock\n    connector: office", 12, "reaches TCP ports"},
        FaultCase{"ProxyProtocolOfNoVersion", "    session_duration: 8h", "    proxy_protocol: v1", 12,
                  "must be v2"},
        FaultCase{"RelativeSocket", "ssh://10.0.0.5", "unix:app.sock", 11, "absolute path"},
        FaultCase{"SocketWithAnAuthority", "ssh://10.0.0.5", "unix://run/app.sock", 11, "absolute path"},
        FaultCase{
            "SocketOfALongName", "ssh://10.0.0.5",
            "unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            11, "107"},
        FaultCase{"HttpService", "ssh://10.0.0.5", "http://10.0.0.5:80", 11, "service"},
        FaultCase{"TcpWithoutPort", "ssh://10.0.0.5", "tcp://10.0.0.5", 11, "service"},
        FaultCase{"PortZero", "ssh://10.0.0.5", "ssh://10.0.0.5:0", 11, "service"},
        FaultCase{"BrowserRendering", "    session_duration: 8h", "    browser_rendering: vnc", 12,
                  "must be ssh"},
        FaultCase{"HostKeysWithoutService", "    session_duration: 8h", "    host_keys: [ssh-ed25519 AAAA]",
                  12, "browser_rendering"},
        FaultCase{"BrowserFilesWithoutTerminal", "    session_duration: 8h", "    browser_files: false", 12,
                  "browser_rendering"},
        FaultCase{"ClaimWithoutProvider", "deploy]", "{claim: name}]", 10, "type oidc"},
        FaultCase{"ClaimWithoutName", "deploy]", "{claim: ''}]", 15, "one value"},
        FaultCase{"ClaimOfNoName", "deploy]", "{claim: [a]}]", 15, "one value"},
        FaultCase{"BadPrincipal", "deploy]", "'a,b']", 15, "user name"},
        FaultCase{"UnknownDecision", "decision: allow", "decision: maybe", 19,
                  "allow, deny, service_auth or bypass"},
        FaultCase{"UnknownRule", "{group: SRE Europe}", "{country: DE}", 20, "no rules of kind 'country'"},
        FaultCase{"BareRuleWithoutValue", "{group: SRE Europe}", "group", 20, "needs one value"},
        FaultCase{"EveryoneWithAValue", "{everyone: {}}", "{everyone: false}", 20, "takes no value"},
        FaultCase{"BadGroup", "{group: SRE Europe}", "{group: ''}", 20, "name of a group"},
        FaultCase{"BadRange", "10.0.0.0/8", "10.0.0.1/8", 21, "host bits"},
        FaultCase{"BadDomain", "email_domain: Example.com", "email_domain: '@example.com'", 20,
                  "not a domain"},
        FaultCase{"PeopleInServiceAuth", "[{service_token: deploy}]",
                  "[{service_token: deploy}, {email: a@b.c}]", 25, "is about people"},
        FaultCase{"ServiceTokenInAllow", "{email: ann@other.org}", "{service_token: x}", 20,
                  "decision service_auth"},
        FaultCase{
            "PeopleInBypass", "decision: service_auth\n        include: [{service_token: deploy}]",
            "decision: service_auth\n        include: [{service_token: deploy}]\n      - name: open\n        "
            "decision: bypass\n        include: [everyone]\n        exclude: [{group: sre}]",
            29, "which has no sign-in"},
        FaultCase{"PolicyTwice", "name: ci", "name: staff", 23, "already"},
        FaultCase{"BadPolicyName", "name: ci", "name: \"c\\ti\"", 23, "printable"},
        FaultCase{"ServicePrincipalsOfAnUnknownToken", "{deploy: [deploy, backup]}", "{backup: [backup]}", 16,
                  "no service_auth policy"},
        FaultCase{"ServicePrincipalsTwice", "{deploy: [deploy, backup]}", "{deploy: [a], deploy: [b]}", 16,
                  "twice"},
        FaultCase{"NoServicePrincipals", "{deploy: [deploy, backup]}", "{deploy: []}", 16,
                  "list of user names"},
        FaultCase{"BadServicePrincipal", "{deploy: [deploy, backup]}", "{deploy: ['a,b']}", 16, "user name"},
        FaultCase{"ServicePrincipalsAsList", "{deploy: [deploy, backup]}", "[deploy]", 16, "mapping"},
        FaultCase{"DevGroups", "[SRE Europe]", "sre", 8, "list"},
        FaultCase{"BadEmail", "ann@other.org", "ann", 20, "email"},
        FaultCase{"NotYaml", "tls: {certificate", "tls: [certificate", 2, ""}),
    [](const auto& param) { return param.param.name; });

TEST(Config, NamesAllFaultsAtOnce) {
  EXPECT_GE(parse_config("listen: nowhere\nfoo: bar\n").faults.size(), 5u);
}

TEST(Config, RefusesHostsThatHaveAnotherReading) {
  for (const char* service : {"ssh://127.1", "ssh://0x7f.1:22", "ssh://2130706433", "ssh://10.0.0.5:65558",
                              "ssh://10.0.0.5:0", "ssh://10.0.0.5%lo", "ssh://[fe80::1%lo]:22", "ssh://vm..",
                              "ssh://vm:22:22", "ssh://::1", "ssh://user@vm"}) {
    const LoadedConfig loaded =
        parse_config(replaced(kGood, "service: ssh://10.0.0.5", "service: '" + std::string(service) + "'"));
    EXPECT_EQ(loaded.faults.size(), 1u) << service;
  }
}

/// As the documentation has it.
TEST(Config, BoundsTheGroupsThatTokensHaveToCarry) {
  std::string rules;
  for (std::size_t i = 0; i <= kMaxGroups; ++i) rules += "{group: g" + std::to_string(i) + "}, ";
  auto faults = parse_config(replaced(kGood, "{group: SRE Europe}, ", rules)).faults;
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_NE(faults[0].text.find("room for 64"), std::string::npos) << faults[0].text;
  rules.clear();
  for (const char c : std::string("abcdefghi")) rules += "{group: " + std::string(kMaxGroupBytes, c) + "}, ";
  EXPECT_EQ(parse_config(replaced(kGood, "{group: SRE Europe}, ", rules)).faults.size(), 1u);
}

TEST(Config, SurvivesTextThatIsNotAMapping) {
  for (const char* text :
       {"", "- a", "just words", "a: b: c", "&a [*a]", "\x01", "applications: {a: b}",
        "applications: [1, [2], {3: 4}]", "identity_provider: 7", "tls: 7",
        "applications: [{policies: [[], 7, {include: {a: b}}, {include: [[], {}, {1: 2}, {[a]: b}]}]}]",
        "applications: [{short_lived_certificates: {service_principals: {[]: 1, {}: []}}}]"}) {
    EXPECT_FALSE(parse_config(text).faults.empty()) << text;
  }
}

}  // namespace
}  // namespace cfpipe::edge
