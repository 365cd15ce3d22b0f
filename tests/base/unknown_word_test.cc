#include "base/unknown_word.h"

#include <gtest/gtest.h>

namespace cfpipe {
namespace {

TEST(UnknownWord, DistancesAreThoseOfEditsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("hostnmae", "hostname"), 1u);
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);  // a swap's letters are not edited again
  EXPECT_EQ(edit_distance("audit", "audit"), 0u);
}

TEST(UnknownWord, TheNearestNameIsOneThatWasProbablyMeant) {
  const std::vector<std::string> names{"audit",  "backup",       "ca",        "run",
                                       "revoke", "check-config", "sshd-setup"};
  EXPECT_EQ(nearest_name("adit", names), "audit");
  EXPECT_EQ(nearest_name("revok", names), "revoke");
  EXPECT_EQ(nearest_name("check", names), "check-config") << "a beginning";
  EXPECT_EQ(nearest_name("ssh-setup", names), "sshd-setup");
  EXPECT_EQ(nearest_name("rum", names), "run");
  for (const char* nothing : {"", "x", "frobnicate", "zz", "--"}) EXPECT_EQ(nearest_name(nothing, names), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'a'), names), "");
  EXPECT_EQ(nearest_name("--hostnam", {"--host-key", "--hostname"}), "--hostname");
}

TEST(UnknownWord, AnOptionIsShownWithoutWhatMayBeAValue) {
  EXPECT_EQ(shown_option("--frobnicate", ""), "--frobnicate");
  EXPECT_EQ(shown_option("-ysecret", ""), "-y...");
  EXPECT_EQ(shown_option("--a b", ""), "--...");
  EXPECT_EQ(shown_option("-hostnam", "--hostname"), "-hostnam");
}

}  // namespace
}  // namespace cfpipe
