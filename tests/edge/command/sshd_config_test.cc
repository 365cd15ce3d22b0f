#include "edge/command/sshd_config.h"

#include <gtest/gtest.h>

namespace cfpipe::edge {
namespace {

constexpr const char* kHeader = "# Written by cfpipe-edge sshd-setup; its --uninstall takes it away.\n";

TEST(SshdSetup, KeepsTheKeysOfEachApplication) {
  const std::string one = with_keys_of("", "vm.example.com", {"ssh-ed25519 AAAA a"});
  EXPECT_EQ(one, std::string(kHeader) + "# application vm.example.com\nssh-ed25519 AAAA a\n");
  const std::string two = with_keys_of(one, "b.example.com", {"ssh-ed25519 BBBB b", "ssh-ed25519 CCCC next"});
  EXPECT_EQ(two, one + "# application b.example.com\nssh-ed25519 BBBB b\nssh-ed25519 CCCC next\n");
  EXPECT_EQ(with_keys_of(two, "b.example.com", {"ssh-ed25519 BBBB b", "ssh-ed25519 CCCC next"}), two);
  const std::string replaced = with_keys_of(two, "vm.example.com", {"ssh-ed25519 DDDD d"});
  EXPECT_EQ(replaced.find("AAAA"), std::string::npos);
  EXPECT_EQ(with_keys_of(replaced, "b.example.com", {}),
            std::string(kHeader) + "# application vm.example.com\nssh-ed25519 DDDD d\n");
  EXPECT_EQ(with_keys_of(one, "vm.example.com", {}), "");
  EXPECT_EQ(with_keys_of("", "vm.example.com", {}), "");
}

TEST(SshdSetup, KeepsWhatAnAdministratorPutThere) {
  const std::string own = "# of the old bastion\nssh-rsa XXXX old";  // and no newline
  const std::string with = with_keys_of(own, "vm.example.com", {"ssh-ed25519 AAAA a"});
  EXPECT_NE(with.find(own + "\n"), std::string::npos) << with;
  EXPECT_EQ(with_keys_of(with, "vm.example.com", {}), std::string(kHeader) + own + "\n");
}

TEST(SshdSetup, AddsTheEdgesAddressesToThoseThatAreExempt) {
  EXPECT_EQ(exempt_list("", {}), "");
  EXPECT_EQ(exempt_list("", {"10.0.0.2", "2001:db8::/64"}), "10.0.0.2,2001:db8::/64");
  EXPECT_EQ(exempt_list("192.0.2.1, 10.0.0.2", {"10.0.0.2", "10.0.0.3"}), "192.0.2.1,10.0.0.2,10.0.0.3");
  EXPECT_EQ(exempt_list("192.0.2.1", {}), "192.0.2.1");
}

TEST(SshdSetup, KnowsWhetherADropInIsRead) {
  const std::string drop_in = "/etc/ssh/sshd_config.d/50-cfpipe.conf";
  for (const char* config : {"Include /etc/ssh/sshd_config.d/*.conf\n", "# x\n  include sshd_config.d/*.conf",
                             "Port 22\nInclude /nowhere/*.conf /etc/ssh/sshd_config.d/5?-*.conf\nMatch all\n",
                             "Include \"/etc/ssh/sshd_config.d/*.conf\"\n"})
    EXPECT_TRUE(includes(config, drop_in)) << config;
  for (const char* config : {"", "#Include /etc/ssh/sshd_config.d/*.conf\n", "Include /etc/ssh/*.conf\n",
                             "Match user ann\n  Include /etc/ssh/sshd_config.d/*.conf\n", "Include\n",
                             "IncludeX /etc/ssh/sshd_config.d/*.conf\n"})
    EXPECT_FALSE(includes(config, drop_in)) << config;
  EXPECT_TRUE(
      includes("Include \"/srv/a b/sshd_config.d/*.conf\"\n", "/srv/a b/sshd_config.d/50-cfpipe.conf"));
}

}  // namespace
}  // namespace cfpipe::edge
