// Services with a `*`: where they lead, and that they lead nowhere else.
#include "edge/policy/origin_name.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "edge/config/config.h"

namespace cfpipe::edge {
namespace {

Host service_host(std::string_view text) {
  return Host::parse(text, Wildcards::allowed).value();
}

std::string fault(std::string_view name, std::string_view text) {
  return origin_pattern_fault(AppName::parse(name).value(), service_host(text));
}

/// Where the service leads to; empty: nowhere.
std::string leads_to(std::string_view name, std::string_view text, std::string_view host) {
  const auto found = origin_at(AppName::parse(name).value(), service_host(text), host);
  return found ? found->text() : std::string();
}

TEST(OriginNames, AStarStandsForWhatTheHostsDoes) {
  EXPECT_EQ(leads_to("*.ssh.example.com", "*.internal.example.com", "web.ssh.example.com"),
            "web.internal.example.com");
  EXPECT_EQ(leads_to("build-*.example.com", "node-*.internal", "build-7.example.com"), "node-7.internal");
  EXPECT_EQ(leads_to("a.*.example.com/x", "*-a.internal", "a.b.example.com"), "b-a.internal");
  EXPECT_EQ(leads_to("*.example.com", "*.internal", "xn--bcher-kva.example.com"), "xn--bcher-kva.internal");
  EXPECT_EQ(leads_to("*.example.com", "db.internal", "web.example.com"), "db.internal");
  EXPECT_EQ(leads_to("vm.example.com", "10.0.0.5", "vm.example.com"), "10.0.0.5");
}

TEST(OriginNames, NothingElseComesIn) {
  const std::string long_label(60, 'a');
  for (const std::string& host :
       {std::string("a_b.ssh.example.com"),      std::string("-a.ssh.example.com"),
        std::string("a-.ssh.example.com"),       std::string("-.ssh.example.com"),
        std::string("A.ssh.example.com"),        std::string("a*.ssh.example.com"),
        std::string("a%2e.ssh.example.com"),     std::string("a b.ssh.example.com"),
        std::string("a\0b.ssh.example.com", 19), std::string("\xc3\xa4.ssh.example.com"),
        std::string(".ssh.example.com"),         std::string("ssh.example.com"),
        std::string("a.b.ssh.example.com"),      std::string("evil.org"),
        std::string("a.ssh.example.com."),       std::string("a.ssh.example.com:22"),
        std::string("a@b.ssh.example.com"),      std::string("a/b.ssh.example.com"),
        std::string("[::1].ssh.example.com"),    std::string()})
    EXPECT_EQ(leads_to("*.ssh.example.com", "*.internal.example.com", host), "") << host;
  EXPECT_EQ(leads_to("build-*.example.com", "node-*.internal", "build-.example.com"), "");
  EXPECT_EQ(leads_to("*.example.com", "prefix-*.internal", long_label + ".example.com"), "")
      << "a label of 67 bytes";
  EXPECT_EQ(leads_to("*.example.com", "*.internal", long_label + ".example.com"), long_label + ".internal");
  // It looks like an address, and is a name below the domain.
  EXPECT_EQ(leads_to("*.example.com", "*.internal", "127.example.com"), "127.internal");
  EXPECT_EQ(leads_to("*.example.com", "*.internal", "localhost.example.com"), "localhost.internal");
}

TEST(OriginNames, EveryResultIsBelowTheDomain) {
  const auto name = AppName::parse("*.ssh.example.com").value();
  const auto to = service_host("*.internal.example.com");
  for (int first = 0; first < 256; ++first)
    for (const char* rest : {"", "a", "-", ".", ".a"}) {
      const std::string host = static_cast<char>(first) + std::string(rest) + ".ssh.example.com";
      const auto found = origin_at(name, to, host);
      if (!found) continue;
      EXPECT_TRUE(found->text().ends_with(".internal.example.com")) << host;
      EXPECT_EQ(std::count(found->text().begin(), found->text().end(), '.'), 3) << host;
      EXPECT_FALSE(found->address());
      EXPECT_TRUE(Host::parse(found->text()));
    }
}

TEST(OriginNames, FaultsAreNamed) {
  EXPECT_EQ(fault("*.example.com", "*.internal.example.com"), "");
  EXPECT_EQ(fault("*.example.com", "node-*.internal"), "");
  EXPECT_EQ(fault("*.example.com", "*.localhost"), "");
  EXPECT_EQ(fault("vm.example.com", "db.internal"), "");
  for (const char* name : {"vm.example.com", "*.*.example.com", "vm.example.com/a*b"})
    EXPECT_NE(fault(name, "*.internal").find("where 'hostname' has one"), std::string::npos) << name;
  for (const char* text : {"*.*.internal", "a.*.internal", "*a*.internal"})
    EXPECT_NE(fault("*.example.com", text).find("in the first part"), std::string::npos) << text;
  for (const char* text : {"*", "*.com", "node-*", "*.de"})
    EXPECT_NE(fault("*.example.com", text).find("a domain of yours"), std::string::npos) << text;
}

std::string config_fault(const std::string& hostname, const std::string& service_text) {
  const auto loaded = parse_config(
      "listen: 127.0.0.1:443\ntls: {certificate: /c, key: /k}\nauth_domain: auth.example.com\nstate: /s\n"
      "identity_provider: {type: oidc, issuer: 'https://idp.example.com', client_id: x}\napplications:\n"
      "  - hostname: '" +
      hostname + "'\n    service: '" + service_text +
      "'\n"
      "    policies: [{name: a, decision: allow, include: [{email_domain: example.com}]}]\n");
  if (loaded.faults.empty()) return {};
  return std::to_string(loaded.faults[0].line) + ": " + loaded.faults[0].text;
}

TEST(OriginNames, TheConfigurationIsCheckedForThem) {
  EXPECT_EQ(config_fault("*.example.com", "ssh://*.internal"), "");
  EXPECT_EQ(config_fault("*.example.com", "tcp://*.internal.example.com:5432"), "");
  for (const auto& [hostname, text, says] : std::vector<std::array<std::string, 3>>{
           {"vm.example.com", "ssh://*.internal", "'hostname' has one"},
           {"*.example.com", "ssh://*.com", "a domain of yours"},
           {"*.example.com", "ssh://*", "a domain of yours"},
           {"*.example.com", "ssh://*.internal:*", "must name a host and a port"},
           {"*.example.com", "ssh://*.10", "must name a host and a port"},
           {"*.example.com", "unix:/run/*.sock", "not in the path of a socket"}}) {
    const auto found = config_fault(hostname, text);
    EXPECT_TRUE(found.starts_with("8: ")) << found;
    EXPECT_NE(found.find(says), std::string::npos) << text << ": " << found;
  }
}

}  // namespace
}  // namespace cfpipe::edge
