#include "base/text.h"

#include <gtest/gtest.h>

namespace cfpipe {
namespace {

TEST(Text, WritesDurationsAsTheyAreRead) {
  for (const char* text : {"0s", "5s", "90m", "2h", "48h", "1h30m", "1h1m1s"}) {
    const auto duration = parse_duration(text).value();
    EXPECT_EQ(parse_duration(duration_text(duration)), duration);
  }
  EXPECT_EQ(duration_text(std::chrono::hours(2)), "2h");
  EXPECT_EQ(duration_text(std::chrono::minutes(90)), "1h30m");
  EXPECT_EQ(duration_text(std::chrono::seconds(0)), "0s");
}

TEST(Text, Durations) {
  EXPECT_EQ(parse_duration("24h"), std::chrono::hours(24));
  EXPECT_EQ(parse_duration("1h30m"), std::chrono::minutes(90));
  EXPECT_EQ(parse_duration("7d"), std::chrono::hours(168));
  for (const char* bad : {"", "h", "24", "-1h", "1h-5m", "1 h", "99999999999999999999s", "1y"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Text, SizesGoThereAndBack) {
  for (const char* text : {"0", "1", "1023", "1KiB", "128MiB", "1536MiB", "3GiB", "1TiB", "16777215TiB"})
    EXPECT_EQ(bytes_text(parse_bytes(text).value()), text);
  EXPECT_EQ(parse_bytes("2048KiB"), std::size_t{2} << 20);
  EXPECT_EQ(bytes_text(std::size_t{2048} << 10), "2MiB");
  for (const char* bad : {"", "MiB", "-1MiB", "1 MiB", "1mib", "1MB", "1.5GiB", "0x10", "1MiBKiB",
                          "16777216TiB", "99999999999999999999"})
    EXPECT_FALSE(parse_bytes(bad)) << bad;
}

TEST(Text, TimesGoThereAndBack) {
  EXPECT_EQ(rfc3339(1'800'000'000), "2027-01-15T08:00:00Z");
  EXPECT_EQ(http_date(1'800'000'000), "Fri, 15 Jan 2027 08:00:00 GMT");
  EXPECT_EQ(parse_time("2027-01-15T08:00:00Z"), 1'800'000'000);
  EXPECT_EQ(parse_time("2027-01-15"), 1'800'000'000 - 8 * 3600);
  for (const char* bad : {"", "yesterday", "2027-01-15T08:00", "2027-01-15x"})
    EXPECT_FALSE(parse_time(bad)) << bad;
}

TEST(Text, TimesThatDoNotExistAreNone) {
  EXPECT_EQ(parse_time("2024-02-29"), 1'709'164'800);
  for (const char* bad : {"2026-02-30", "2026-02-29", "2026-04-31T00:00:00Z", "2026-01-01T00:00:60Z",
                          "2026-13-01", "2026-01-32", "2026-01-01T24:00:00Z", " 2026-01-01", "2026-1-1",
                          "+026-01-01", "26-01-01", "0999-01-01"})
    EXPECT_FALSE(parse_time(bad)) << bad;
}

TEST(Text, RandomIdsAreNoOptions) {
  for (int i = 0; i < 2000; ++i) {
    const std::string id = random_id(12);
    ASSERT_EQ(id.size(), 16u);
    ASSERT_NE(id.front(), '-') << id;
  }
}

TEST(Text, HostNames) {
  for (const char* good : {"vm.localhost", "a", "x-1.example.com", "1a.test"})
    EXPECT_TRUE(valid_hostname(good)) << good;
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "-a.test", "a-.test", "A.test", "a_b.test", "10.0.0.1",
                          "a b", "a/b", "a:1", "*.a"})
    EXPECT_FALSE(valid_hostname(bad)) << bad;
  EXPECT_FALSE(valid_hostname(std::string(64, 'a')));
  EXPECT_FALSE(valid_hostname("a" + std::string(260, '.')));
}

}  // namespace
}  // namespace cfpipe
