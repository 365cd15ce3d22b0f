// The configuration as the documentation shows it, and what may stand in it besides.
#include "auth/ssh/key.h"
#include "edge/config/config.h"
#include "edge/config_fixture.h"
#include "edge/http/terminal_bundle.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kDocumented = R"(listen: 0.0.0.0:443
tls: {certificate: /etc/cfpipe/fullchain.pem, key: /etc/cfpipe/privkey.pem}
auth_domain: auth.example.com
state: /var/lib/cfpipe
session_duration: 24h
identity_provider:
  type: oidc
  issuer: https://idp.example.com
  client_id: cfpipe
  client_secret_file: /etc/cfpipe/oidc-secret
applications:
  - hostname: vm.example.com
    service: ssh://10.0.0.5:22
    session_duration: 8h
    short_lived_certificates:
      ttl: 4m
      principals: [email_prefix]
    policies:
      - name: engineers
        decision: allow
        include: [{email_domain: example.com}, {email: ann@other.org}, {group: sre}]
        require: []
        exclude: [{email: mallory@example.com}]
      - name: ci
        decision: service_auth
        include: [{service_token: deploy}]
)";

TEST(Config, TakesTheDocumentedExample) {
  const LoadedConfig loaded = parse_config(kDocumented);
  EXPECT_TRUE(loaded.faults.empty()) << loaded.faults.front().line << ": " << loaded.faults.front().text;
  const LoadedConfig with_terminal =
      parse_config(replaced(kDocumented, "    session_duration: 8h", "    browser_rendering: ssh"));
  if (!has_terminal()) {
    ASSERT_EQ(with_terminal.faults.size(), 1u);
    EXPECT_NE(with_terminal.faults[0].text.find("built without the terminal"), std::string::npos);
    return;
  }
  EXPECT_TRUE(with_terminal.faults.empty()) << with_terminal.faults.front().text;
  EXPECT_TRUE(with_terminal.config.applications.front().browser_terminal);
  EXPECT_TRUE(with_terminal.config.applications.front().browser_files);
  const LoadedConfig without_files = parse_config(replaced(
      kDocumented, "    session_duration: 8h", "    browser_rendering: ssh\n    browser_files: false"));
  EXPECT_TRUE(without_files.faults.empty()) << without_files.faults.front().text;
  EXPECT_FALSE(without_files.config.applications.front().browser_files);
}

TEST(Config, TakesOtherNamesForTheTransferStore) {
  const auto with = [](const std::string& hosts) {
    return parse_config(replaced(kDocumented, "session_duration: 24h", "transfer_hosts: " + hosts));
  };
  const LoadedConfig loaded = with("[Login.cloudflareaccess.org]");
  EXPECT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_EQ(loaded.config.transfer_hosts, std::vector<std::string>{"login.cloudflareaccess.org"});
  std::string many = "[a0.example";
  for (std::size_t i = 1; i <= kMaxTransferHosts; ++i) many += ", a" + std::to_string(i) + ".example";
  for (const std::string& bad :
       {std::string("[]"), std::string("login.example.com"), std::string("['login.example.com:443']"),
        std::string("[auth.example.com]"), std::string("[a.example, a.example]"),
        std::string("[vm.example.com]"), many + "]"})
    EXPECT_EQ(with(bad).faults.size(), 1u) << bad;
}

TEST(Config, TakesAdministratorsAsAPolicyHasPeople) {
  const std::string tail = "applications:\n";
  const auto with = [&](const std::string& rules) {
    return parse_config(replaced(kDocumented, tail, "administrators: " + rules + "\n" + tail));
  };
  EXPECT_FALSE(parse_config(kDocumented).config.administrators) << "no user is by default";
  const LoadedConfig loaded =
      with("{include: [{group: admins}], require: [{ip: 10.0.0.0/8}], exclude: [{email: eve@example.com}]}");
  EXPECT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  ASSERT_TRUE(loaded.config.administrators);
  EXPECT_EQ(loaded.config.administrators->include.at(0).value, "admins");
  EXPECT_EQ(loaded.config.administrators->require.size(), 1u);
  EXPECT_EQ(loaded.config.administrators->exclude.size(), 1u);
  EXPECT_EQ(groups_named(loaded.config), (std::vector<std::string>{"admins", "sre"}))
      << "tokens have to carry it";
  for (const char* bad :
       {"{}", "[]", "{include: []}", "{include: [{service_token: deploy}]}", "{policies: []}"}) {
    const auto faults = with(bad).faults;
    ASSERT_FALSE(faults.empty()) << bad;
    EXPECT_EQ(faults[0].line, 11) << bad;
  }
}

TEST(Config, TakesHostKeysAsServersHaveThem) {
  if (!has_terminal()) GTEST_SKIP() << "built without the terminal";
  const std::string key = auth::SshKey::generate(auth::KeyType::ed25519).authorized_key();
  const std::string keys =
      "    browser_rendering: ssh\n    host_keys:\n      - " + key + " root@vm\n      - " + key;
  const LoadedConfig loaded = parse_config(replaced(kDocumented, "    session_duration: 8h", keys));
  EXPECT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_EQ(loaded.config.applications.front().host_keys, (std::vector<std::string>{key, key}));
  for (const std::string bad : {"ssh-ed25519 AAAA", "[]", ""}) {
    const auto faults = parse_config(replaced(kDocumented, "    session_duration: 8h",
                                              "    browser_rendering: ssh\n    host_keys: [" + bad + "]"))
                            .faults;
    ASSERT_EQ(faults.size(), 1u) << bad;
    EXPECT_EQ(faults[0].line, 15) << bad;
  }
}

}  // namespace
}  // namespace cfpipe::edge
