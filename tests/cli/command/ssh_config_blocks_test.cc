#include "cli/command/ssh_config_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cfpipe::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kOne = "Host one\n  ProxyCommand a\n";
constexpr const char* kTwo = "Host two\n  ProxyCommand b\n";

std::string text_with(const std::vector<std::pair<std::string, std::string>>& hosts) {
  HostBlocks blocks("");
  for (const auto& [host, lines] : hosts) blocks.set(host, lines);
  return blocks.text();
}

TEST(HostBlocks, EachHostHasOneBlockThatIsReplaced) {
  const auto once = text_with({{"one", kOne}, {"two", kTwo}});
  EXPECT_THAT(once, HasSubstr("# cfpipe begin one\nHost one\n  ProxyCommand a\n# cfpipe end one\n"));
  EXPECT_EQ(text_with({{"one", kOne}, {"two", kTwo}, {"one", kOne}, {"two", kTwo}}), once);
  const auto other = text_with({{"one", kTwo}, {"two", kTwo}, {"one", kOne}});
  EXPECT_EQ(other, once) << "the place of a block stays";
  EXPECT_THAT(HostBlocks(once).hosts(), ElementsAre("one", "two"));
}

TEST(HostBlocks, AHostIsNotItsNeighbourOfALongerName) {
  HostBlocks blocks(text_with({{"one.example", kOne}, {"one", kTwo}, {"*.one", kOne}}));
  blocks.remove("one");
  EXPECT_THAT(blocks.hosts(), ElementsAre("one.example", "*.one"));
}

TEST(HostBlocks, NothingIsLeftOfTheLastBlock) {
  HostBlocks blocks(text_with({{"one", kOne}, {"two", kTwo}}));
  blocks.remove("one");
  EXPECT_EQ(blocks.text(), text_with({{"two", kTwo}}));
  blocks.remove("absent");
  blocks.remove("two");
  EXPECT_EQ(blocks.text(), "");
  HostBlocks all(text_with({{"one", kOne}, {"two", kTwo}}));
  all.remove_all();
  EXPECT_EQ(all.text(), "");
}

TEST(HostBlocks, WhatOthersWroteThereStays) {
  HostBlocks blocks("Host mine\n  User x");  // without a last newline
  blocks.set("one", kOne);
  EXPECT_THAT(blocks.text(), StartsWith("Host mine\n  User x\n# cfpipe begin one\n"));
  blocks.remove_all();
  EXPECT_EQ(blocks.text(), "Host mine\n  User x\n");
}

TEST(HostBlocks, ABlockWithoutItsEndIsLeft) {
  const std::string torn = "# cfpipe begin one\nHost one\n";
  HostBlocks blocks(torn);
  EXPECT_TRUE(blocks.hosts().empty());
  blocks.remove_all();
  EXPECT_EQ(blocks.text(), torn);
  blocks.set("one", kOne);
  blocks.remove("one");
  EXPECT_EQ(blocks.text(), "# cfpipe begin one\nHost one\n") << "neither more nor less than what was put in";
}

TEST(HostBlocks, BlocksInsideOfEachOtherGoTogether) {
  HostBlocks blocks(
      "# cfpipe begin one\n# cfpipe begin two\n# cfpipe end two\n# cfpipe end one\nHost mine\n");
  EXPECT_THAT(blocks.hosts(), ElementsAre("two"));
  blocks.remove_all();
  EXPECT_EQ(blocks.text(), "Host mine\n");
}

TEST(HostBlocks, WhatWasMadeIsRememberedInTheHeader) {
  HostBlocks blocks("");
  blocks.set("one", kOne);
  EXPECT_TRUE(blocks.made().empty());
  blocks.set_made({"config", "config.d"});
  HostBlocks again(blocks.text());
  EXPECT_THAT(again.made(), ElementsAre("config", "config.d"));
  again.remove_all();
  EXPECT_EQ(again.text(), "");
  EXPECT_THAT(again.made(), ElementsAre("config", "config.d"));
}

constexpr const char* kInclude = "Include config.d/cfpipe\n";

TEST(Include, IsPutInFrontOfEverythingOnceAndTakenOutAgain) {
  for (const std::string config :
       {"", "\n", "Host a\n  User b", "# c\r\nHost *\n", "Host a\n  Include config.d/cfpipe\n",
        "Match all\nInclude config.d/cfpipe", "#Include config.d/cfpipe\n", "Include config.d/cfpipe2\n"}) {
    const auto with = with_include(config);
    EXPECT_EQ(with, kInclude + config);
    EXPECT_EQ(with_include(with), with);
    EXPECT_EQ(without_include(with), config) << config;
  }
}

TEST(Include, WhatIncludesItAlreadyIsLeftAlone) {
  for (const std::string config :
       {"Include config.d/*\n", "# mine\n  include   other \"config.d/cfpipe\"\nHost a\n",
        "Include=~/.ssh/config.d/cfpipe\n", "User x\nInclude config.d/cfpipe\n"}) {
    EXPECT_EQ(with_include(config), config);
  }
  EXPECT_EQ(without_include("Include config.d/*\n"), "Include config.d/*\n");
  EXPECT_EQ(without_include("User x\nInclude config.d/cfpipe\nUser y\n"), "User x\nUser y\n");
}

}  // namespace
}  // namespace cfpipe::cli
