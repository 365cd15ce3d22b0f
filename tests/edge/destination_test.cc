#include "edge/destination.h"

#include <gtest/gtest.h>

#include "edge/config.h"

namespace cfpipe::edge {
namespace {

std::vector<Destination> list(std::initializer_list<const char*> texts) {
  std::vector<Destination> out;
  for (const char* text : texts) out.push_back(parse_destination(text).value());
  return out;
}

TEST(Destinations, WhatIsConfiguredIsRangesAndNamesWithAPort) {
  for (const char* text :
       {"10.0.0.0/8:22", "10.0.0.5:22", "[2001:db8::/32]:22", "[::1]:5432", "DB.internal:5432", "db:1"})
    EXPECT_TRUE(parse_destination(text)) << text;
  for (const char* text : {"", ":22", "10.0.0.0/8", "10.0.0.0/33:22", "10.0.0.1/8:22", "10.0.0:22",
                           "db.internal", "db:0", "db:65536", "db:x", "*:22", "*.internal:22", "db/24:22",
                           "[::1]", "::1:22", "a b:22", "-db:22", "ssh://db:22"})
    EXPECT_FALSE(parse_destination(text)) << text;
}

TEST(Destinations, AnAddressIsFoundInARangeAtItsPort) {
  const auto allowed = list({"10.0.0.0/8:22", "192.168.1.5:5432", "[2001:db8::/32]:22"});
  EXPECT_EQ(find_destination(allowed, "10.1.2.3:22")->host, "10.1.2.3");
  EXPECT_EQ(find_destination(allowed, "[2001:db8::7]:22")->host, "2001:db8::7");
  EXPECT_EQ(find_destination(allowed, "192.168.1.5:5432")->port, 5432);
  for (const char* asked :
       {"10.1.2.3:23", "11.0.0.1:22", "192.168.1.5:22", "192.168.1.6:5432", "[2001:db9::1]:22",
        "127.0.0.1:22", "10.1.2.3", "10.1.2.3:", ":22", "", "10.1.2.3:22:22", "010.1.2.3:22", "0x0a010203:22",
        "167838211:22", "[::ffff:11.0.0.1]:22"})
    EXPECT_FALSE(find_destination(allowed, asked)) << asked;
}

TEST(Destinations, ANameIsNeverFoundInARange) {
  const auto allowed = list({"0.0.0.0/0:22", "[::/0]:22", "db.internal:5432"});
  EXPECT_FALSE(find_destination(allowed, "localhost:22"));
  EXPECT_FALSE(find_destination(allowed, "db.internal:22"));
  EXPECT_FALSE(find_destination(allowed, "db.internal.evil:5432"));
  EXPECT_EQ(find_destination(allowed, "DB.Internal:5432")->host, "db.internal");
}

TEST(Destinations, SchemesAndPathsMeanNothing) {
  const auto allowed = list({"db.internal:5432"});
  EXPECT_TRUE(find_destination(allowed, "tcp://db.internal:5432"));
  EXPECT_TRUE(find_destination(allowed, "ssh://db.internal:5432/path"));
  EXPECT_TRUE(find_destination(allowed, "db.internal:5432/x"));
  EXPECT_FALSE(find_destination(allowed, "http://evil/db.internal:5432"));
  EXPECT_FALSE(find_destination({}, "db.internal:5432"));
}

TEST(Destinations, AreAPartOfAnApplicationsConfiguration) {
  const std::string head =
      "listen: 127.0.0.1:0\ntls: {certificate: c, key: k}\nauth_domain: auth.localhost\nstate: /s\n"
      "identity_provider: {type: dev}\napplications:\n"
      "- hostname: vm.localhost\n  service: ssh://10.0.0.5:22\n"
      "  policies: [{name: a, decision: allow, include: [everyone]}]\n  destinations: ";
  const auto good = parse_config(head + "[10.0.0.0/8:22, '[2001:db8::/32]:22', db.internal:5432]\n");
  EXPECT_TRUE(good.faults.empty()) << good.faults.front().text;
  EXPECT_EQ(good.config.applications.at(0).destinations.size(), 3U);
  for (const char* bad : {"10.0.0.0/8:22", "[10.0.0.1/8:22]", "[{a: b}]", "[db]"}) {
    const auto loaded = parse_config(head + bad + "\n");
    ASSERT_EQ(loaded.faults.size(), 1U) << bad;
    EXPECT_EQ(loaded.faults[0].line, 10) << bad;
    EXPECT_NE(loaded.faults[0].text.find("destination"), std::string::npos);
  }
}

}  // namespace
}  // namespace cfpipe::edge
