// What sshd's patterns of addresses match, and which of its rules tell loopback addresses apart.
#include "service/sshd_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.h"

namespace cfpipe::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

bool matches(const char* list, const char* address, bool names = true) {
  return matches_client(list, {address, address}, names);
}

TEST(SshdSources, PatternsAreThoseOfSshd) {
  EXPECT_TRUE(matches("127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(matches("127.0.0.1", "127.0.0.10"));
  EXPECT_TRUE(matches("127.*", "127.5.6.7"));
  EXPECT_TRUE(matches("127.?.0.*", "127.5.0.17"));
  EXPECT_FALSE(matches("127.?.0.*", "127.55.0.17"));
  EXPECT_TRUE(matches("10.0.0.0/8,127.0.0.0/8", "127.5.6.7"));
  EXPECT_FALSE(matches("127.0.0.0/24", "127.5.6.7"));
  EXPECT_FALSE(matches("!127.0.0.1,127.*", "127.0.0.1"));
  EXPECT_FALSE(matches("127.*,!127.0.0.0/24", "127.0.0.1"));
  EXPECT_TRUE(matches("127.*,!127.0.0.0/24", "127.5.6.7"));
  EXPECT_TRUE(matches("*", "127.5.6.7"));
  EXPECT_FALSE(matches("", "127.5.6.7"));
}

TEST(SshdSources, NamesCountWhereSshdLooksAtThem) {
  const SshdClient named{"127.0.0.1", "localhost"};
  EXPECT_TRUE(matches_client("LocalHost", named, true));
  EXPECT_FALSE(matches_client("localhost", named, false));
  EXPECT_FALSE(matches_client("*,!localhost", named, true));
}

class SshdRules : public ::testing::Test {
 protected:
  std::vector<std::string> rules(const std::string& text) {
    std::ofstream(dir_ / "sshd_config") << "AuthorizedKeysFile " << (dir_ / "keys").string() << "\n" << text;
    return sshd_loopback_rules((dir_ / "sshd_config").string());
  }
  const TempDir temp_;
  const std::filesystem::path dir_ = temp_.path();
};

TEST_F(SshdRules, ThoseThatTellLoopbackAddressesApartAreNamedWithTheirLine) {
  EXPECT_THAT(rules("# A comment\nAllowUsers bob ann@127.0.0.1 # of mine\n"),
              ElementsAre(HasSubstr("sshd_config:3: AllowUsers ann@127.0.0.1 takes 127.0.0.1 for another")));
  EXPECT_THAT(rules("denyusers=*@127.0.0.0/24\n"), ElementsAre(HasSubstr(":2: denyusers *@127.0.0.0/24 ")));
  EXPECT_THAT(rules("Match User ann Address \"10.0.0.0/8,127.0.0.1\"\n  X11Forwarding no\n"),
              ElementsAre(HasSubstr(":2: Match Address ")));
  EXPECT_THAT(rules("Match address=127.0.0.1\n"), ElementsAre(HasSubstr(":2: Match Address ")));
  EXPECT_THAT(rules("UseDNS yes\nMatch Host localhost\n"), ElementsAre(HasSubstr(":3: Match Host ")));
}

TEST_F(SshdRules, ThoseThatTakeAllOfThemAlikeAreNone) {
  EXPECT_THAT(rules("AllowUsers ann@127.0.0.0/8 bob bob@127.0.0.1 eve@10.0.0.1\nDenyUsers mallory\n"
                    "Match Address 127.*,::1\nMatch all\nMatch LocalAddress 127.0.0.1\nMatch Host localhost\n"
                    "Match User ann Group staff\n"),
              IsEmpty());
}

TEST_F(SshdRules, FilesThatAreIncludedAreReadOnceForEachInclude) {
  std::ofstream(dir_ / "more.conf") << "Match Address 127.0.0.1\n";
  std::ofstream(dir_ / "loop.conf") << "Include " << (dir_ / "loop.conf").string() << "\n";
  EXPECT_THAT(rules("Include " + (dir_ / "m*.conf").string() + "\n"),
              ElementsAre(HasSubstr("more.conf:1: ")));
  EXPECT_THAT(rules("Include " + (dir_ / "loop.conf").string() + "\n"), IsEmpty());
}

TEST_F(SshdRules, KeysThatAreTakenFromThereAloneAreNamedAndNotShown) {
  std::ofstream(dir_ / "keys")
      << "# of ann\nssh-ed25519 AAAA from=\"127.0.0.1\"\n"
         "command=\"echo \\\"a,from=b\\\"\",from=\"127.0.0.1,10.0.0.0/8\" ssh-ed25519 BBBB\n"
         "from=\"127.0.0.0/8\",no-pty ssh-ed25519 CCCC\n";
  const auto found = rules("");
  EXPECT_THAT(found, ElementsAre(HasSubstr("keys:3: from= takes ")));
  EXPECT_THAT(found, Not(ElementsAre(HasSubstr("BBBB"))));
}

TEST_F(SshdRules, NoMoreThanSomeAreNamedAndNothingThatIsNoFileIsRead) {
  std::string many;
  for (std::size_t i = 0; i < 2 * kMaxSshdRules; ++i) many += "Match Address 127.0.0.1\n";
  EXPECT_EQ(rules(many).size(), kMaxSshdRules);
  EXPECT_THAT(rules("Include /dev/zero " + dir_.string() + "\n"), IsEmpty());
  EXPECT_THAT(sshd_loopback_rules((dir_ / "none").string()), IsEmpty());
}

}  // namespace
}  // namespace cfpipe::service
