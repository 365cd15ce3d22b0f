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
  EXPECT_EQ(rule_text(staff.include[0]), "email_domain example.com");
  EXPECT_EQ(rule_text(staff.include[1]), "email ann@other.org");
  EXPECT_EQ(rule_text(staff.include[2]), "group SRE Europe");
  EXPECT_EQ(staff.include[3].kind, Rule::Kind::everyone);
  EXPECT_EQ(staff.include[4].kind, Rule::Kind::everyone);
  ASSERT_EQ(staff.require.size(), 2u);
  EXPECT_TRUE(staff.require[0].range.contains(parse_ip("10.9.8.7").value()));
  EXPECT_TRUE(staff.require[1].range.contains(parse_ip("2001:db8::7").value()));
  ASSERT_EQ(staff.exclude.size(), 1u);
  EXPECT_EQ(app.policies[1].decision, Decision::service_auth);
  EXPECT_EQ(rule_text(app.policies[1].include.at(0)), "service_token deploy");
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

TEST(Config, LeadsThroughConnectorsByName) {
  const auto connectors = [](const char* value) {
    const LoadedConfig loaded =
        parse_config(replaced(kGood, "    session_duration: 8h", std::string("    connector: ") + value));
    EXPECT_TRUE(loaded.faults.empty()) << value;
    return loaded.config.applications.at(0).connectors;
  };
  EXPECT_TRUE(parse_config(kGood).config.applications.at(0).connectors.empty());
  EXPECT_EQ(connectors("office"), std::vector<std::string>{"office"});
  EXPECT_EQ(connectors("[office, rack-2.attic]"), (std::vector<std::string>{"office", "rack-2.attic"}));
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

TEST(DevConfig, LeadsThroughAConnectorThatIsNamed) {
  DevOptions options;
  options.state = "/tmp/x";
  options.connector = "hidden";
  const auto config = dev_config(options);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->applications.at(0).connectors, std::vector<std::string>{"hidden"});
  options.connector = "not a name";
  EXPECT_FALSE(dev_config(options));
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
