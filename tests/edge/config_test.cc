#include "edge/config.h"

#include <gtest/gtest.h>

#include <chrono>

#include "edge/commands.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kGood = R"(listen: 127.0.0.1:8443
tls: {certificate: /c.pem, key: /k.pem}
auth_domain: Auth.Example.com:8443
state: /var/lib/cfpipe
session_duration: 12h
identity_provider:
  type: dev
applications:
  - hostname: vm.example.com
    service: ssh://10.0.0.5
    session_duration: 8h
    short_lived_certificates:
      ttl: 5m
      principals: [email_prefix, deploy]
    policies:
      - name: staff
        decision: allow
        include: [{email_domain: Example.com}, {email: ann@other.org}]
        exclude: [{email: mallory@example.com}]
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Config, ReadsEveryField) {
  const LoadedConfig loaded = parse_config(kGood);
  ASSERT_TRUE(loaded.faults.empty()) << loaded.faults.front().line << ": " << loaded.faults.front().text;
  const Config& config = loaded.config;
  EXPECT_EQ(config.listen_port, 8443);
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
  EXPECT_TRUE(allowed(app.policies, "BOB@example.COM"));
  EXPECT_TRUE(allowed(app.policies, "ann@other.org"));
  EXPECT_FALSE(allowed(app.policies, "bob@other.org"));
  EXPECT_FALSE(allowed(app.policies, "Mallory@example.com"));
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
        FaultCase{"UnknownAppKey", "    session_duration: 8h", "    colour: blue", 11,
                  "unknown key 'colour'"},
        FaultCase{"UnknownPolicyKey", "        exclude:", "        excluded:", 19, "unknown key 'excluded'"},
        FaultCase{"KeyTwice", "session_duration: 12h", "state: /other", 5, "twice"},
        FaultCase{"BadDuration", "12h", "12 hours", 5, "duration"},
        FaultCase{"DurationTooLong", "12h", "365d", 5, "between"},
        FaultCase{"TtlTooShort", "ttl: 5m", "ttl: 5s", 13, "between"},
        FaultCase{"BadListen", "127.0.0.1:8443", "localhost", 1, "listen"},
        FaultCase{"DevOnPublicAddress", "127.0.0.1:8443", "0.0.0.0:8443", 7, "loopback"},
        FaultCase{"BadAuthDomain", "Auth.Example.com:8443", "auth_example", 3, "auth_domain"},
        FaultCase{"RelativeState", "/var/lib/cfpipe", "var/lib", 4, "absolute"},
        FaultCase{"UnknownProvider", "type: dev", "type: ldap", 7, "oidc or dev"},
        FaultCase{"OidcWithoutIssuer", "type: dev", "{type: oidc, client_id: a, client_secret_file: /s}", 7,
                  "issuer"},
        FaultCase{"WildcardHost", "hostname: vm.example.com", "hostname: '*.example.com'", 9,
                  "not available yet"},
        FaultCase{"AppIsAuthDomain", "hostname: vm.example.com", "hostname: auth.example.com", 9,
                  "auth_domain"},
        FaultCase{"HttpService", "ssh://10.0.0.5", "http://10.0.0.5:80", 10, "service"},
        FaultCase{"TcpWithoutPort", "ssh://10.0.0.5", "tcp://10.0.0.5", 10, "service"},
        FaultCase{"PortZero", "ssh://10.0.0.5", "ssh://10.0.0.5:0", 10, "service"},
        FaultCase{"BrowserRendering", "    session_duration: 8h", "    browser_rendering: ssh", 11,
                  "not available yet"},
        FaultCase{"ClaimPrincipal", "deploy]", "{claim: name}]", 14, "not available yet"},
        FaultCase{"BadPrincipal", "deploy]", "'a,b']", 14, "user name"},
        FaultCase{"ServiceAuth", "decision: allow", "decision: service_auth", 17, "not available yet"},
        FaultCase{"UnknownDecision", "decision: allow", "decision: maybe", 17, "allow or deny"},
        FaultCase{"GroupRule", "{email: ann@other.org}", "{group: sre}", 18, "'group' are not available yet"},
        FaultCase{"BadEmail", "ann@other.org", "ann", 18, "email"},
        FaultCase{"NotYaml", "tls: {certificate", "tls: [certificate", 2, ""}),
    [](const auto& param) { return param.param.name; });

TEST(Config, NamesAllFaultsAtOnce) {
  EXPECT_GE(parse_config("listen: nowhere\nfoo: bar\n").faults.size(), 5u);
}

TEST(Config, AcceptsOpenIdConnectAsSyntax) {
  const std::string text =
      replaced(kGood, "  type: dev",
               "  {type: oidc, issuer: 'https://idp.example.com', client_id: a, client_secret_file: /s}");
  const LoadedConfig loaded = parse_config(text);
  EXPECT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_EQ(loaded.config.identity_provider, IdentityProvider::oidc);
}

TEST(Config, SurvivesTextThatIsNotAMapping) {
  for (const char* text : {"", "- a", "just words", "a: b: c", "&a [*a]", "\x01", "applications: {a: b}",
                           "applications: [1, [2], {3: 4}]", "identity_provider: 7", "tls: 7"}) {
    EXPECT_FALSE(parse_config(text).faults.empty()) << text;
  }
}

TEST(Policy, FirstMatchDecides) {
  Policy deny;
  deny.decision = Decision::deny;
  deny.include.push_back({Rule::Kind::email, "eve@example.com"});
  Policy allow;
  allow.include.push_back({Rule::Kind::email_domain, "example.com"});
  EXPECT_FALSE(allowed({deny, allow}, "eve@example.com"));
  EXPECT_TRUE(allowed({deny, allow}, "ann@example.com"));
  EXPECT_TRUE(allowed({allow, deny}, "eve@example.com"));
  EXPECT_FALSE(allowed({}, "ann@example.com"));
  EXPECT_FALSE(allowed({allow}, "ann@evil.com@example.com"));
  EXPECT_FALSE(allowed({allow}, "ann@notexample.com"));
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

}  // namespace
}  // namespace cfpipe::edge
