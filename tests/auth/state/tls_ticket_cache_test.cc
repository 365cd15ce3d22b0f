#include "auth/state/tls_ticket_cache.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace cfpipe::auth {
namespace {

class TicketCacheTest : public ::testing::Test {
 protected:
  TicketCache cache() const { return TicketCache(*StateDir::at(dir.path())); }
  void put(const std::string& key, const std::string& session) const {
    const Secret secret{std::string(session)};
    cache().put(key, secret);
  }
  std::string take(const std::string& key) const {
    const auto session = cache().take(key);
    return session ? std::string(session->reveal()) : "none";
  }
  TempDir dir;
};

TEST_F(TicketCacheTest, GivesEachSessionOnceNewestFirst) {
  put("a", "1");
  put("a", "2");
  EXPECT_EQ(take("a"), "2");
  EXPECT_EQ(take("a"), "1");
  EXPECT_EQ(take("a"), "none");
  EXPECT_TRUE(dir.names().empty());
}

TEST_F(TicketCacheTest, KeepsTheSessionsOfOneKeyFromAnother) {
  put("a", "1");
  EXPECT_EQ(take("b"), "none");
  EXPECT_EQ(take("a"), "1");
}

TEST_F(TicketCacheTest, FilesArePrivateAndHaveNamesOfTheirOwn) {
  put("vm.example.com:443", "1");
  const auto names = dir.names();
  ASSERT_EQ(names.size(), 1U);
  EXPECT_EQ(dir.mode(names[0]), 0600U);
  EXPECT_TRUE(names[0].ends_with(".tls-ticket"));
  EXPECT_EQ(names[0].find("example"), std::string::npos);
}

TEST_F(TicketCacheTest, KeepsTheNewestOfAKey) {
  for (std::size_t i = 0; i < kTicketsPerKey + 3; ++i) put("a", std::to_string(i));
  EXPECT_EQ(dir.names().size(), kTicketsPerKey);
  EXPECT_EQ(take("a"), std::to_string(kTicketsPerKey + 2));
}

TEST_F(TicketCacheTest, KeepsSoManyAltogether) {
  for (std::size_t i = 0; i < kTicketsKept + 5; ++i) put("host " + std::to_string(i), "x");
  EXPECT_EQ(dir.names().size(), kTicketsKept);
  EXPECT_EQ(take("host 0"), "none");
  EXPECT_EQ(take("host " + std::to_string(kTicketsKept + 4)), "x");
}

TEST_F(TicketCacheTest, DropsWhatIsTooOldAndLeavesOtherFilesAlone) {
  const std::string old = std::string(32, 'a') + "-0000000000000001" + "00000000.tls-ticket";
  dir.put(old, "x");
  dir.put("other.tls-ticket", "x");
  dir.put("vm.example.com-token", "x");
  put("a", "1");
  EXPECT_FALSE(dir.has(old));
  EXPECT_TRUE(dir.has("other.tls-ticket"));
  EXPECT_TRUE(dir.has("vm.example.com-token"));
}

TEST_F(TicketCacheTest, WhatIsNotOursAloneIsNotBelieved) {
  put("a", "1");
  const auto name = dir.names().front();
  EXPECT_EQ(::chmod((dir / name).c_str(), 0666), 0);
  EXPECT_EQ(take("a"), "none");
  std::filesystem::remove(dir / name);
  dir.put("elsewhere", "1");
  std::filesystem::create_symlink(dir / "elsewhere", dir / name);
  EXPECT_EQ(take("a"), "none");
  EXPECT_TRUE(dir.has("elsewhere"));
}

TEST_F(TicketCacheTest, WhatIsTooLargeIsDropped) {
  put("a", "1");
  dir.put(dir.names().front(), std::string(transport::kMaxSessionBytes + 1, 'x'));
  EXPECT_EQ(take("a"), "none");
}

TEST_F(TicketCacheTest, DirectoryThatCannotBeWrittenCostsNothingElse) {
  auto tickets = cache();
  std::filesystem::remove_all(dir.path());
  const Secret secret(std::string("1"));
  tickets.put("a", secret);
  EXPECT_FALSE(tickets.take("a"));
}

}  // namespace
}  // namespace cfpipe::auth
