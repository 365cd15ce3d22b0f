#include "base/libraries.h"

#include <gtest/gtest.h>

namespace cfpipe {
namespace {

TEST(Libraries, AreInAlphabeticalOrderWithTheirVersions) {
  const std::string text = version_text("tool", true, {{"zlib", "1.3"}, {"apple", "2"}});
  EXPECT_EQ(text.rfind("tool " CFPIPE_VERSION "\nLibraries inside:\n  apple 2\n  Boost ", 0), 0U) << text;
  EXPECT_EQ(text.substr(text.rfind("  ")), "  zlib 1.3\n");
  EXPECT_LT(text.find("Boost"), text.find("libstdc++"));
  EXPECT_LT(text.find("libstdc++"), text.find("OpenSSL"));
}

TEST(Libraries, AreLeftOutUnlessTheyAreAskedFor) {
  EXPECT_EQ(version_text("tool", false, {{"zlib", "1.3"}}), "tool " CFPIPE_VERSION "\n");
}

TEST(Libraries, NumbersOfHeadersBecomeVersions) {
  EXPECT_EQ(version_of_number(108'100, 100'000, 100), "1.81.0");
  EXPECT_EQ(version_of_number(90'103, 10'000, 100), "9.1.3");
  EXPECT_EQ(version_of_number(11'002, 10'000, 100), "1.10.2");
}

}  // namespace
}  // namespace cfpipe
