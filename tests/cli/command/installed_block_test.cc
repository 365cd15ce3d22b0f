#include "cli/command/installed_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command/commands.h"
#include "cli/command/ssh_config_blocks.h"
#include "cli/parsed.h"

namespace cfpipe::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The file that ssh-config has written for these command lines, one after the other.
std::string installed(const std::vector<std::vector<std::string>>& lines) {
  HostBlocks blocks("");
  for (auto line : lines) {
    line.insert(line.begin(), "ssh-config");
    const Options options = good(line);
    Places places{"/usr/bin/cfpipe", "/home/ann/.cloudflared"};
    blocks.set(options.url.host.text(), ssh_config_text(options, places).value());
  }
  return blocks.text();
}

/// What `doctor` makes of its command line and that file.
Options examined(const std::string& file, const std::vector<std::string>& arguments) {
  const Options options = good(arguments);
  const bool bare = options.url.port == 443 && options.url.target == "/";
  return good(
      with_block(arguments, bare ? options.target : "", words_of_block(file, options.url.host.text())));
}

TEST(InstalledBlock, SaysPortPathAndOptionsInEveryStyle) {
  for (const std::string style : {"agent", "match", "chain"}) {
    const auto file =
        installed({{"--hostname", "vm.localhost:8443/team", "--short-lived-cert", "--style", style,
                    "--ca-file", "/home/ann/a 100% ca.pem", "--auth-domain", "auth.localhost",
                    "--connect-timeout", "3s", "--proxy", "none", "--fedramp", "--key-type", "ed25519"}});
    const Options options = examined(file, {"doctor", "vm.localhost"});
    EXPECT_EQ(options.url.str(), "https://vm.localhost:8443/team") << style;
    EXPECT_EQ(options.ca_file, "/home/ann/a 100% ca.pem") << style;
    EXPECT_EQ(options.auth_domain, "auth.localhost") << style;
    EXPECT_EQ(options.deadlines.tcp.count(), 3000) << style;
    EXPECT_EQ(options.proxy_flag, "none") << style;
    EXPECT_TRUE(options.fedramp) << style;
    EXPECT_EQ(options.key_type, auth::KeyType::ed25519) << style;
  }
}

TEST(InstalledBlock, IsThatOfTheHostAsSshTakesIt) {
  const auto file = installed({{"--hostname", "a.example.com:1001"},
                               {"--hostname", "*.example.com:1002"},
                               {"--hostname", "b.example.com:1003"}});
  EXPECT_EQ(examined(file, {"doctor", "a.example.com"}).url.port, 1001);
  EXPECT_EQ(examined(file, {"doctor", "c.example.com"}).url.port, 1002);
  EXPECT_EQ(examined(file, {"doctor", "b.example.com"}).url.port, 1002) << "the first that fits, as with ssh";
  EXPECT_EQ(examined(file, {"doctor", "a.example.org"}).url.port, 443);
  EXPECT_EQ(examined(file, {"doctor", "c.example.com"}).url.host.text(), "c.example.com");
}

TEST(InstalledBlock, TheCommandLineComesFirst) {
  const auto file = installed({{"--hostname", "vm.localhost:8443", "--auth-domain", "auth.localhost",
                                "--ca-file", "/ca.pem", "--service-token-file", "/token"}});
  const std::vector<std::string> words = words_of_block(file, "vm.localhost");
  EXPECT_THAT(words, ElementsAre("--hostname", "vm.localhost:8443", "--ca-file", "/ca.pem", "--auth-domain",
                                 "auth.localhost", "--service-token-file", "/token"));
  const Options other = examined(file, {"doctor", "vm.localhost:1", "--ca-file=/other.pem", "-auth-domain",
                                        "x.localhost", "--id", "i", "--secret", "s"});
  EXPECT_EQ(other.url.port, 1);
  EXPECT_EQ(other.ca_file, "/other.pem");
  EXPECT_EQ(other.auth_domain, "x.localhost");
  EXPECT_EQ(other.service_token_file, "");
  const Options plain = examined(file, {"access", "doctor", "--hostname=vm.localhost", "--json"});
  EXPECT_EQ(plain.url.authority(), "vm.localhost:8443");
  EXPECT_EQ(plain.ca_file, "/ca.pem");
  EXPECT_EQ(plain.service_token_file, "/token");
}

TEST(InstalledBlock, ChoosesTheKeyUnlessTheCommandLineDoes) {
  const auto block = [](const std::vector<std::string>& key) {
    std::vector<std::string> line{"--hostname", "vm.localhost", "--style", "match"};
    line.insert(line.end(), key.begin(), key.end());
    return installed({line});
  };
  EXPECT_EQ(examined(block({"--key", "/home/ann/50% key"}), {"doctor", "vm.localhost"}).key,
            "/home/ann/50% key");
  const Options made =
      examined(block({"--key", "agent:mine"}), {"doctor", "vm.localhost", "--key-type", "ecdsa"});
  EXPECT_EQ(made.key, "");
  EXPECT_EQ(made.key_type, auth::KeyType::ecdsa_p256);
  const Options given =
      examined(block({"--key-type", "ed25519"}), {"doctor", "vm.localhost", "--key=agent:mine"});
  EXPECT_EQ(given.key, "agent:mine");
  EXPECT_EQ(given.key_type, std::nullopt);
  EXPECT_EQ(examined(block({}), {"doctor", "vm.localhost"}).key_type, std::nullopt);
}

TEST(InstalledBlock, AKindOfKeyThatWasCutOffByHandSaysNothing) {
  const auto words = [](const std::string& match) {
    HostBlocks blocks("");
    blocks.set("vm.localhost", match + "\n  ProxyCommand cfpipe access ssh --hostname '%h'\n");
    return words_of_block(blocks.text(), "vm.localhost");
  };
  const std::string start = "Match host vm.localhost exec \"cfpipe access ssh-gen --hostname '%h' ";
  EXPECT_THAT(words(start + "--key-type ed25519\""),
              ElementsAre("--hostname", "vm.localhost", "--key-type", "ed25519"));
  for (const std::string end :
       {"--key-type\"", "--key-type", "'--key-type ed25519\"", "\"", "--key-type \" --key-type ed25519"})
    EXPECT_THAT(words(start + end).size(), 2) << end;
  EXPECT_THAT(words(start + "--key-type ed25519 " + std::string(kMaxBlockLine, 'x') + "\"").size(), 2);
}

TEST(InstalledBlock, TheEnvironmentMayNameTheHost) {
  const auto file = installed({{"--hostname", "vm.localhost:8443"}});
  const auto words = words_of_block(file, "vm.localhost");
  EXPECT_THAT(with_block({"doctor"}, "vm.localhost", words),
              ElementsAre("doctor", "--hostname", "vm.localhost:8443"));
}

TEST(InstalledBlock, ACertificateIsWantedWhereTheBlockHasOne) {
  EXPECT_TRUE(
      examined(installed({{"--hostname", "vm.localhost", "--short-lived-cert"}}), {"doctor", "vm.localhost"})
          .short_lived_cert);
  EXPECT_FALSE(
      examined(installed({{"--hostname", "vm.localhost"}}), {"doctor", "vm.localhost"}).short_lived_cert);
}

TEST(InstalledBlock, OneThatWasChangedByHandSaysNothing) {
  const auto with = [](const std::string& line) {
    HostBlocks blocks("");
    blocks.set("vm.localhost", "Host vm.localhost\n" + line + "\n");
    return words_of_block(blocks.text(), "vm.localhost");
  };
  EXPECT_THAT(with("  ProxyCommand nc %h 22"), IsEmpty());
  EXPECT_THAT(with("  ProxyCommand cfpipe access ssh --hostname 'open"), IsEmpty());
  EXPECT_THAT(with("  ProxyCommand cfpipe access ssh" + std::string(kMaxBlockLine, 'x')), IsEmpty());
  std::string many = "  ProxyCommand cfpipe access ssh";
  for (std::size_t i = 0; i < kMaxBlockWords; ++i) many += " x";
  EXPECT_THAT(with(many), IsEmpty());
  EXPECT_THAT(words_of_block("", "vm.localhost"), IsEmpty());
  EXPECT_THAT(with("  ProxyCommand /a%%b/cfpipe access ssh --hostname %h --ca-file \"/a b%%\""),
              ElementsAre("--hostname", "vm.localhost", "--ca-file", "/a b%"));
}

}  // namespace
}  // namespace cfpipe::cli
