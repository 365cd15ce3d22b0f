#include "edge/config/config.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <optional>

#include "edge/command/commands.h"
#include "edge/config_fixture.h"
#include "edge/limits/fd_limits.h"
#include "edge/policy/app_name.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kGood = R"(listen: 127.0.0.1:8443
tls: {certificate: /c.pem, key: /k.pem}
auth_domain: Auth.Example.com:8443
state: /var/lib/cfpipe
session_duration: 12h
identity_provider:
  type: dev
  groups: [SRE Europe]
applications:
  - hostname: vm.example.com
    service: ssh://10.0.0.5
    session_duration: 8h
    short_lived_certificates:
      ttl: 5m
      principals: [email_prefix, deploy]
      service_principals: {deploy: [deploy, backup]}
    policies:
      - name: staff
        decision: allow
        include: [{email_domain: Example.com}, {email: ann@other.org}, {group: SRE Europe}, everyone, {everyone: {}}]
        require: [{ip: 10.0.0.0/8}, {ip: '2001:db8::/32'}]
        exclude: [{email: mallory@example.com}]
      - name: ci
        decision: service_auth
        include: [{service_token: deploy}]
)";

TEST(Config, NamesOfApplicationsHaveOneSpelling) {
  for (const auto& [said, name] :
       {std::pair("VM.Example.com/Team-A/", "vm.example.com/Team-A"),
        std::pair("'*.Example.com'", "*.example.com"), std::pair("vm.example.com/*", "vm.example.com")}) {
    const LoadedConfig loaded =
        parse_config(replaced(kGood, "hostname: vm.example.com", std::string("hostname: ") + said));
    ASSERT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
    EXPECT_EQ(loaded.config.applications[0].hostname, name);
  }
}

TEST(Config, PatternsOfHostsAreBounded) {
  const std::string text = kGood;
  const std::string app = text.substr(text.find("  - hostname: vm.example.com"));
  const auto with = [&](std::size_t patterns) {
    std::string all = text;
    for (std::size_t i = 0; i < patterns; ++i)
      all += replaced(app, "vm.example.com", "'*.h" + std::to_string(i) + ".example.com'");
    return parse_config(all).faults;
  };
  EXPECT_TRUE(with(kMaxHostPatterns).empty());
  ASSERT_EQ(with(kMaxHostPatterns + 2).size(), 1u);
  EXPECT_NE(with(kMaxHostPatterns + 2)[0].text.find("256"), std::string::npos);
}

TEST(Config, ReadsEveryField) {
  const LoadedConfig loaded = parse_config(kGood);
  ASSERT_TRUE(loaded.faults.empty()) << loaded.faults.front().line << ": " << loaded.faults.front().text;
  const Config& config = loaded.config;
  EXPECT_EQ(config.listen->port(), 8443);
  EXPECT_EQ(config.auth_host, "auth.example.com");
  EXPECT_EQ(config.public_port, 8443);
  EXPECT_EQ(config.session_duration, std::chrono::hours(12));
  ASSERT_EQ(config.applications.size(), 1u);
  const ApplicationConfig& app = config.applications[0];
  EXPECT_EQ(app.origin_host, "10.0.0.5");
  EXPECT_EQ(app.origin_port, 22);
  EXPECT_EQ(app.session_duration, std::chrono::hours(8));
  ASSERT_TRUE(app.certificates.has_value());
  EXPECT_EQ(app.certificates->ttl, std::chrono::minutes(5));
  EXPECT_TRUE(app.certificates->email_prefix);
  EXPECT_EQ(app.certificates->literals, std::vector<std::string>{"deploy"});
  ASSERT_EQ(app.policies.size(), 2u);
  const Policy& staff = app.policies[0];
  EXPECT_EQ(staff.name, "staff");
  EXPECT_EQ(staff.decision, Decision::allow);
  ASSERT_EQ(staff.include.size(), 5u);
  EXPECT_EQ(text_of(staff.include[0]), "email_domain example.com");
  EXPECT_EQ(text_of(staff.include[1]), "email ann@other.org");
  EXPECT_EQ(text_of(staff.include[2]), "group SRE Europe");
  EXPECT_EQ(staff.include[3].kind, Rule::Kind::everyone);
  EXPECT_EQ(staff.include[4].kind, Rule::Kind::everyone);
  ASSERT_EQ(staff.require.size(), 2u);
  EXPECT_TRUE(staff.require[0].range.contains(parse_ip("10.9.8.7").value()));
  EXPECT_TRUE(staff.require[1].range.contains(parse_ip("2001:db8::7").value()));
  ASSERT_EQ(staff.exclude.size(), 1u);
  EXPECT_EQ(app.policies[1].decision, Decision::service_auth);
  EXPECT_EQ(text_of(app.policies[1].include.at(0)), "service_token deploy");
  EXPECT_EQ(app.certificates->service_principals.at("deploy"),
            (std::vector<std::string>{"deploy", "backup"}));
  EXPECT_EQ(config.dev_groups, std::vector<std::string>{"SRE Europe"});
}

TEST(Config, RunsAsManyLoopsAsItIsTold) {
  EXPECT_EQ(parse_config(kGood).config.threads, 0u) << "one per processor";
  const LoadedConfig loaded = parse_config(replaced(kGood, "session_duration: 12h", "threads: 3"));
  EXPECT_TRUE(loaded.faults.empty());
  EXPECT_EQ(loaded.config.threads, 3u);
}

TEST(Config, TakesASocketAsAnOrigin) {
  const LoadedConfig loaded = parse_config(replaced(kGood, "ssh://10.0.0.5", "unix:/run/app.sock"));
  EXPECT_TRUE(loaded.faults.empty());
  EXPECT_EQ(loaded.config.applications.at(0).origin_path, "/run/app.sock");
  EXPECT_TRUE(loaded.config.applications.at(0).origin_host.empty());
}

TEST(Config, KnowsWhatPeopleReachBySsh) {
  const std::string certificates(
      "    short_lived_certificates:\n      ttl: 5m\n      principals: [email_prefix, deploy]\n"
      "      service_principals: {deploy: [deploy, backup]}\n");
  const auto ssh = [&certificates](const char* service, bool certified) {
    std::string yaml = replaced(kGood, "ssh://10.0.0.5", service);
    if (!certified) yaml = replaced(yaml, certificates, "");
    const LoadedConfig loaded = parse_config(yaml);
    EXPECT_TRUE(loaded.faults.empty()) << yaml;
    return loaded.config.applications.at(0).ssh;
  };
  EXPECT_TRUE(ssh("ssh://10.0.0.5", false));
  EXPECT_FALSE(ssh("tcp://10.0.0.5:22", false));
  EXPECT_FALSE(ssh("unix:/run/app.sock", false));
  EXPECT_TRUE(ssh("tcp://10.0.0.5:22", true)) << "what else would the certificates be for?";
  EXPECT_TRUE(ssh("unix:/run/app.sock", true));
}

TEST(Config, TellsAnOriginOfTheClientWhereItIsSaid) {
  EXPECT_FALSE(parse_config(kGood).config.applications.at(0).proxy_protocol);
  const LoadedConfig loaded =
      parse_config(replaced(kGood, "    session_duration: 8h", "    proxy_protocol: v2"));
  EXPECT_TRUE(loaded.faults.empty());
  EXPECT_TRUE(loaded.config.applications.at(0).proxy_protocol);
}

TEST(Config, LimitsTunnelsAsItIsTold) {
  using std::chrono::seconds;
  const Config preset = parse_config(kGood).config;
  EXPECT_EQ(preset.applications.at(0).session_limit, seconds(0));
  EXPECT_EQ(preset.tunnel_limits.per_user, 500u);
  EXPECT_EQ(preset.tunnel_limits.per_address, 2'000u);
  const auto limit = [](const char* value) {
    const std::string line = std::string("    session_limit: ") + value;
    const LoadedConfig loaded = parse_config(replaced(kGood, "    session_duration: 8h", line.c_str()));
    EXPECT_TRUE(loaded.faults.empty()) << value;
    return loaded.config.applications.at(0).session_limit;
  };
  EXPECT_EQ(limit("none"), seconds(0));
  EXPECT_EQ(limit("8h"), seconds(8 * 3600));
  EXPECT_EQ(limit("certificate"), seconds(5 * 60)) << "its ttl";
  const LoadedConfig numbers = parse_config(
      replaced(kGood, "session_duration: 12h", "limits: {tunnels_per_user: 20, tunnels_per_address: 500}"));
  EXPECT_TRUE(numbers.faults.empty());
  EXPECT_EQ(numbers.config.tunnel_limits.per_user, 20u);
  EXPECT_EQ(numbers.config.tunnel_limits.per_address, 500u);
  EXPECT_FALSE(preset.address_limits.connections) << "depends on how many the edge takes";
  EXPECT_EQ(preset.address_limits.logins, 300u);
  const LoadedConfig addresses = parse_config(replaced(
      kGood, "session_duration: 12h", "limits: {connections_per_address: 64, logins_per_address: 10}"));
  EXPECT_TRUE(addresses.faults.empty());
  EXPECT_EQ(addresses.config.address_limits.connections, 64u);
  EXPECT_EQ(addresses.config.address_limits.logins, 10u);
}

TEST(Config, BoundsMemoryAsItIsTold) {
  EXPECT_FALSE(parse_config(kGood).config.memory) << "depends on what the process may have";
  const auto memory = [](const std::string& size) {
    const LoadedConfig loaded =
        parse_config(replaced(kGood, "session_duration: 12h", ("limits: {memory: " + size + "}").c_str()));
    EXPECT_TRUE(loaded.faults.empty()) << size;
    return loaded.config.memory.value_or(0);
  };
  EXPECT_EQ(memory("128MiB"), std::size_t{128} << 20);
  EXPECT_EQ(memory("16MiB"), kMinMemory);
  EXPECT_EQ(memory("1TiB"), kMaxMemory);
  EXPECT_EQ(memory("2GiB"), std::size_t{2} << 30);
  EXPECT_EQ(memory("65536KiB"), std::size_t{64} << 20);
  EXPECT_EQ(memory("33554432"), std::size_t{32} << 20);
}

TEST(Config, SetsNoLimitWhereItSaysNone) {
  const LoadedConfig loaded = parse_config(
      replaced(kGood, "session_duration: 12h",
               "limits: {tunnels_per_user: none, tunnels_per_address: none, tunnel_opens_per_user: none, "
               "tunnel_opens_per_address: none, connections_per_address: none, logins_per_address: none, "
               "certificates_per_user: none}"));
  EXPECT_TRUE(loaded.faults.empty());
  const Config& config = loaded.config;
  EXPECT_EQ(config.tunnel_limits.per_user + config.tunnel_limits.per_address +
                config.tunnel_limits.opens_per_user + config.tunnel_limits.opens_per_address,
            0u);
  EXPECT_EQ(config.address_limits.connections, std::optional<std::size_t>(0));
  EXPECT_EQ(config.address_limits.logins + config.certificates_per_user, 0u);
}

TEST(Config, GivesOneAddressAQuarterOfFewConnections) {
  EXPECT_EQ(preset_per_address(20'000), 2'000u);
  EXPECT_EQ(preset_per_address(384), 96u);
  EXPECT_EQ(preset_per_address(1), 1u);
}

TEST(Config, LimitsHowLongATunnelIsIdle) {
  using std::chrono::seconds;
  EXPECT_EQ(parse_config(kGood).config.applications.at(0).idle_limit, seconds(0));
  for (const auto& [value, limit] : {std::pair("none", seconds(0)), std::pair("2h", seconds(7200))}) {
    const std::string line = std::string("    idle_limit: ") + value;
    const LoadedConfig loaded = parse_config(replaced(kGood, "    session_duration: 8h", line));
    EXPECT_TRUE(loaded.faults.empty()) << value;
    EXPECT_EQ(loaded.config.applications.at(0).idle_limit, limit);
  }
}

TEST(Config, SaysHowLongTunnelsMayGoOnWhenTheEdgeEnds) {
  using std::chrono::seconds;
  EXPECT_EQ(parse_config(kGood).config.drain, seconds(30));
  for (const auto& [value, drain] : {std::pair("1s", seconds(1)), std::pair("8h", seconds(28800))}) {
    const LoadedConfig loaded =
        parse_config(replaced(kGood, "session_duration: 12h", std::string("drain: ") + value));
    EXPECT_TRUE(loaded.faults.empty()) << value;
    EXPECT_EQ(loaded.config.drain, drain);
  }
}

TEST(Config, SaysWhatACertificateAllows) {
  const auto preset = parse_config(kGood).config.applications.at(0).certificates.value();
  EXPECT_EQ(preset.extensions, auth::default_extensions());
  EXPECT_EQ(preset.force_command + preset.source_addresses, "");
  const LoadedConfig loaded = parse_config(
      replaced(kGood, "      ttl: 5m",
               "      {ttl: 5m, principals: [email_prefix, deploy], service_principals: {deploy: [deploy]},\n"
               "       extensions: [permit-pty, no-touch-required], force_command: 'uptime -p',\n"
               "       source_address: [10.0.0.0/8, '2001:db8::7']}\n"
               "    x:"));
  ASSERT_EQ(loaded.faults.size(), 1u) << "the key x alone";
  const auto config = loaded.config.applications.at(0).certificates.value();
  EXPECT_EQ(config.extensions, (std::vector<std::string>{"no-touch-required", "permit-pty"}));
  EXPECT_EQ(config.force_command, "uptime -p");
  EXPECT_EQ(config.source_addresses, "10.0.0.0/8,2001:db8::7");
  const LoadedConfig none = parse_config(replaced(kGood, "ttl: 5m", "extensions: []"));
  EXPECT_TRUE(none.faults.empty());
  EXPECT_TRUE(none.config.applications.at(0).certificates->extensions.empty());
}

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
        FaultCase{"HostKeysForNobody", "    session_duration: 8h", "    host_keys: [ssh-ed25519 AAAA]", 12,
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
            29, "which knows nobody"},
        FaultCase{"PolicyTwice", "name: ci", "name: staff", 23, "already"},
        FaultCase{"BadPolicyName", "name: ci", "name: \"c\\ti\"", 23, "printable"},
        FaultCase{"ServicePrincipalsOfNobody", "{deploy: [deploy, backup]}", "{backup: [backup]}", 16,
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

std::string with_oidc(const std::string& provider) {
  return replaced(kGood, "  type: dev\n  groups: [SRE Europe]", provider);
}

TEST(Config, ReadsAnIdentityProvider) {
  const LoadedConfig loaded = parse_config(replaced(
      with_oidc("  {type: oidc, issuer: 'https://idp.example.com', client_id: a,\n"
                "   client_secret_file: /s, ca_file: /ca.pem, scopes: [openid, email],\n"
                "   groups_claim: roles, groups_claim_optional: true, allow_unverified_email: true, prompt: "
                "login select_account, email_claim: upn, "
                "sign_out_at_provider: false}"),
      "deploy]", "{claim: preferred_username}]"));
  ASSERT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_EQ(loaded.config.identity_provider, IdentityProvider::oidc);
  ASSERT_EQ(loaded.config.providers.size(), 1u);
  const OidcConfig& oidc = loaded.config.providers[0];
  EXPECT_EQ(oidc.name, "oidc");
  EXPECT_FALSE(oidc.own_callback);
  EXPECT_EQ(oidc.issuer, "https://idp.example.com");
  EXPECT_EQ(oidc.scopes, (std::vector<std::string>{"openid", "email"}));
  EXPECT_EQ(oidc.groups_claim, "roles");
  EXPECT_EQ(oidc.prompt, "login select_account");
  EXPECT_EQ(oidc.email_claim, "upn");
  EXPECT_TRUE(oidc.groups_claim_optional);
  EXPECT_TRUE(oidc.allow_unverified_email);
  EXPECT_FALSE(oidc.sign_out_at_provider);
  ASSERT_EQ(loaded.files.size(), 4u);
  EXPECT_EQ(loaded.files[0].kind, ConfigFile::Kind::certificate);
  EXPECT_EQ(loaded.files[1].kind, ConfigFile::Kind::private_key);
  EXPECT_EQ(loaded.files[2].path, "/s");
  EXPECT_EQ(loaded.files[2].line, 8);
  EXPECT_EQ(loaded.files[3].kind, ConfigFile::Kind::authorities);
  EXPECT_EQ(claims_named(loaded.config), std::vector<std::string>{"preferred_username"});
}

TEST(Config, AnIdentityProviderIsCheckedForWhatCannotBeMeant) {
  const auto with = [](const std::string& more) {
    return parse_config(
        with_oidc("  {type: oidc, issuer: 'https://idp.example.com', client_id: a, " + more + "}"));
  };
  for (const char* more :
       {"email_claim: upn", "prompt: none", "prompt: 'login none'", "prompt: Login", "prompt: []",
        "allow_unverified_email: false, email_claim: upn", "groups_claim: []"})
    EXPECT_EQ(with(more).faults.size(), 1u) << more;
  EXPECT_NE(with("email_claim: upn").faults[0].text.find("allow_unverified_email"), std::string::npos);
  for (const char* more : {"groups_claim: realm_access.roles", "groups_claim: 'https://x.org/roles'",
                           "groups_claim: 'urn:zitadel:iam:org:project:roles'", "email_claim: email"}) {
    EXPECT_TRUE(with(more).faults.empty()) << more;
    EXPECT_TRUE(with(more).warnings.empty()) << more;
  }
  for (const char* more : {"groups_claim: $.realm_access.roles", "groups_claim: realm_access/roles",
                           "groups_claim: 'roles[]'"}) {
    EXPECT_TRUE(with(more).faults.empty()) << more;
    EXPECT_EQ(with(more).warnings.size(), 1u) << more;
  }
}

/// Two providers, and what stands in their place.
std::string with_providers(const std::string& providers, const std::string& rule = "{group: SRE Europe}") {
  const std::string text = replaced(kGood, "identity_provider:\n  type: dev\n  groups: [SRE Europe]",
                                    "identity_providers:\n" + providers);
  return replaced(text, "{group: SRE Europe}", rule);
}
constexpr const char* kTwoProviders =
    "  - {name: corp, type: oidc, issuer: 'https://corp.example.com', client_id: a}\n"
    "  - {name: partner, type: oidc, issuer: 'https://partner.test', client_id: b, proxy: none}";

TEST(Config, SeveralIdentityProvidersHaveNames) {
  const LoadedConfig loaded = parse_config(with_providers(kTwoProviders, "{login_method: partner}"));
  ASSERT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_EQ(provider_names(loaded.config), (std::vector<std::string>{"corp", "partner"}));
  EXPECT_TRUE(loaded.config.providers[0].own_callback);
  EXPECT_EQ(loaded.config.providers[1].proxy, "none");
  EXPECT_EQ(loaded.config.applications[0].policies[0].include[2].kind, Rule::Kind::login_method);
  EXPECT_TRUE(loaded.warnings.empty());
}

TEST(Config, NamesTheFaultsOfSeveralIdentityProviders) {
  struct Case {
    std::string text;
    const char* says;
  };
  const std::string two = kTwoProviders;
  for (const Case& test :
       {Case{with_providers(replaced(two, "name: partner", "name: corp")), "of that name already"},
        Case{with_providers(replaced(two, "name: partner, ", "")), "'name'"},
        Case{with_providers(replaced(two, "name: partner", "name: a/b")), "letters, digits"},
        Case{with_providers(replaced(two, "name: partner, type: oidc", "name: partner, type: dev")),
             "type oidc"},
        Case{with_providers("  []"), "a list of 1 to 16"},
        Case{with_providers(two, "{login_method: parner}"), "'parner', which there is not"},
        Case{replaced(with_providers(two), "    session_duration: 8h", "    allowed_idps: [corp, none]"),
             "no identity provider 'none'"},
        Case{replaced(with_providers(two), "    session_duration: 8h", "    allowed_idps: []"),
             "list of names"},
        Case{with_providers(two) + "identity_provider: {type: dev}\n", "already"}}) {
    const LoadedConfig loaded = parse_config(test.text);
    ASSERT_EQ(loaded.faults.size(), 1u)
        << test.says << ": " << (loaded.faults.empty() ? "" : loaded.faults[0].text);
    EXPECT_NE(loaded.faults[0].text.find(test.says), std::string::npos) << loaded.faults[0].text;
  }
}

TEST(Config, AdministratorsOfAnyProviderAreWorthAWarning) {
  const auto warnings = [](const std::string& administrators) {
    return parse_config(with_providers(kTwoProviders) + "administrators: " + administrators + "\n")
        .warnings.size();
  };
  EXPECT_EQ(warnings("{include: [{email: ann@example.com}]}"), 1u);
  EXPECT_EQ(warnings("{include: [{email: ann@example.com}], require: [{login_method: corp}]}"), 0u);
}

TEST(Config, AProxyHasItsLoginInAFile) {
  const auto with = [](const std::string& more) {
    return parse_config(
        with_oidc("  {type: oidc, issuer: 'https://idp.example.com', client_id: a, " + more + "}"));
  };
  for (const char* more :
       {"proxy: 'http://proxy.example.com:3128'", "proxy: none", "proxy: 'socks5h://10.0.0.1'",
        "proxy: 'https://proxy.example.com', proxy_login_file: /p"})
    EXPECT_TRUE(with(more).faults.empty()) << more << with(more).faults[0].text;
  EXPECT_EQ(with("proxy: 'http://p:1', proxy_login_file: /p").files.back().kind, ConfigFile::Kind::secret);
  for (const char* more :
       {"proxy: 'http://ann:s3cret@proxy.example.com:3128'", "proxy: 'ftp://proxy.example.com'", "proxy: ''",
        "proxy: none, proxy_login_file: /p", "proxy_login_file: /p",
        "proxy: 'http://p:1', proxy_login_file: p"}) {
    ASSERT_EQ(with(more).faults.size(), 1u) << more;
    EXPECT_EQ(with(more).faults[0].text.find("s3cret"), std::string::npos);
  }
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

TEST(Config, RootMayComeFromAnAddressOnlyAtTheBuiltInSignIn) {
  EXPECT_TRUE(parse_config(kGood).config.applications.at(0).certificates->root_by_email);
  const auto oidc =
      parse_config(with_oidc("  {type: oidc, issuer: 'https://idp.example.com', client_id: a}"));
  EXPECT_FALSE(oidc.config.applications.at(0).certificates->root_by_email);
}

TEST(Config, APublicClientOnLoopbackNeedsLittle) {
  const LoadedConfig loaded =
      parse_config(with_oidc("  {type: oidc, issuer: 'http://127.0.0.1:9000', client_id: a}"));
  EXPECT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_FALSE(loaded.config.providers.at(0).allow_unverified_email);
  EXPECT_EQ(loaded.files.size(), 2u) << "of tls";
}

TEST(Config, NamesTheFaultsOfAnIdentityProvider) {
  struct Case {
    const char* keys;
    const char* says;
  };
  for (const Case& test :
       {Case{"issuer: 'http://idp.example.com', client_id: a", "https URL"},
        Case{"issuer: idp.example.com, client_id: a", "https URL"},
        Case{"issuer: 'https://idp.example.com/?a=b', client_id: a", "neither"},
        Case{"issuer: 'https://idp.example.com'", "client_id"},
        Case{"issuer: 'https://i.test', client_id: a, client_secret_file: secret", "absolute"},
        Case{"issuer: 'https://i.test', client_id: a, ca_file: ca.pem", "absolute"},
        Case{"issuer: 'https://i.test', client_id: a, client_secret: s3cret", "unknown key 'client_secret'"},
        Case{"issuer: 'https://i.test', client_id: a, scopes: [email]", "openid"},
        Case{"issuer: 'https://i.test', client_id: a, scopes: openid", "list"},
        Case{"issuer: 'https://i.test', client_id: a, scopes: [openid, 'a b']", "one word"},
        Case{"issuer: 'https://i.test', client_id: a, allow_unverified_email: maybe", "true or false"},
        Case{"issuer: 'https://i.test', client_id: a, groups: [sre]", "belongs to type dev"}}) {
    const LoadedConfig loaded = parse_config(with_oidc(std::string("  {type: oidc, ") + test.keys + "}"));
    ASSERT_EQ(loaded.faults.size(), 1u) << test.keys;
    EXPECT_EQ(loaded.faults[0].line, 7);
    EXPECT_NE(loaded.faults[0].text.find(test.says), std::string::npos) << loaded.faults[0].text;
    EXPECT_EQ(loaded.faults[0].text.find("s3cret"), std::string::npos);
  }
}

TEST(Config, BoundsTheClaimsThatTokensHaveToCarry) {
  std::string claims;
  for (std::size_t i = 0; i <= kMaxClaims; ++i) claims += "{claim: c" + std::to_string(i) + "}, ";
  const auto faults =
      parse_config(replaced(with_oidc("  {type: oidc, issuer: 'https://i.test', client_id: a}"), "deploy]",
                            claims + "]"))
          .faults;
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_NE(faults[0].text.find("room for 4"), std::string::npos) << faults[0].text;
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

TEST(DevConfig, RefusesAddressesThatOthersReach) {
  DevOptions options;
  options.state = "/tmp/x";
  for (const char* listen : {"0.0.0.0:8443", "192.0.2.1:8443", "[::]:8443", "localhost:1", "127.0.0.1"}) {
    options.listen = listen;
    EXPECT_FALSE(dev_config(options)) << listen;
  }
  for (const char* listen : {"127.0.0.1:0", "[::1]:8443", "127.8.8.8:1"}) {
    options.listen = listen;
    EXPECT_TRUE(dev_config(options)) << listen;
  }
}

TEST(Config, SaysWhatIsGrantedWhileTheAuditCannotBeKept) {
  EXPECT_FALSE(parse_config(kGood).config.audit_continues);
  for (const auto& [value, continues] : {std::pair("refuse", false), std::pair("continue", true)}) {
    const LoadedConfig loaded = parse_config(
        replaced(kGood, "session_duration: 12h", std::string("audit: {on_failure: ") + value + "}"));
    EXPECT_TRUE(loaded.faults.empty()) << value;
    EXPECT_EQ(loaded.config.audit_continues, continues);
    EXPECT_EQ(loaded.config.audit_file, "");
  }
  const LoadedConfig bad =
      parse_config(replaced(kGood, "session_duration: 12h", "audit: {on_failure: maybe}"));
  ASSERT_EQ(bad.faults.size(), 1u);
  EXPECT_NE(bad.faults.front().text.find("'refuse' or 'continue'"), std::string::npos);
}

}  // namespace
}  // namespace cfpipe::edge
