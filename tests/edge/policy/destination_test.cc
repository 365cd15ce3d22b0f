#include "edge/policy/destination.h"

#include <gtest/gtest.h>

#include "edge/config/config.h"

namespace cfpipe::edge {
namespace {

std::vector<Destination> destinations(std::initializer_list<const char*> texts) {
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
  const auto allowed = destinations({"10.0.0.0/8:22", "192.168.1.5:5432", "[2001:db8::/32]:22"});
  EXPECT_EQ(find_destination(allowed, "10.1.2.3:22")->host, "10.1.2.3");
  EXPECT_EQ(find_destination(allowed, "[2001:db8::7]:22")->host, "2001:db8::7");
  EXPECT_EQ(find_destination(allowed, "192.168.1.5:5432")->port, 5432);
  for (const char* asked :
       {"10.1.2.3:23", "11.0.0.1:22", "192.168.1.5:22", "192.168.1.6:5432", "[2001:db9::1]:22",
        "127.0.0.1:22", "10.1.2.3", "10.1.2.3:", ":22", "", "10.1.2.3:22:22", "010.1.2.3:22", "0x0a010203:22",
        "167838211:22", "[::ffff:11.0.0.1]:22"})
    EXPECT_FALSE(find_destination(allowed, asked)) << asked;
}

TEST(Destinations, WhatIsFoundIsTheAddressThatWasChecked) {
  const auto allowed = destinations({"10.0.0.0/8:22", "0.0.0.0/0:80", "[2001:db8::/32]:22", "[::/0]:80"});
  for (const char* asked : {"10.0.0.1%.localhost:22",
                            "10.0.0.1%lo:22",
                            "[2001:db8::1%x.localhost]:22",
                            "[2001:db8::1%lo]:22",
                            "[::ffff:10.0.0.1%x.localhost]:22",
                            "10.0.0.1.localhost:22",
                            "10.0.0.1.:22",
                            "127.1:80",
                            "0x7f.1:80",
                            "0x7f000001:80",
                            "2130706433:80",
                            "0177.0.0.1:80",
                            "127.0.0.1.nip.io:80",
                            "0.0.0.0:80",
                            "[::]:80",
                            "[::ffff:0.0.0.0]:80",
                            "10.0.0.1 :22",
                            "10.0.0.1\x9b:22",
                            "user@10.0.0.1:22",
                            "[10.0.0.1]:22"})
    EXPECT_FALSE(find_destination(allowed, asked)) << asked;
  // An IPv4-mapped address is that IPv4 address, for the ranges and for what is dialled.
  const auto mapped = find_destination(allowed, "[::FFFF:10.0.0.1]:22");
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->host, "10.0.0.1");
  EXPECT_TRUE(mapped->host.address()->is_v4());
}

TEST(Destinations, NamesDoNotLeadToTheEdgesOwnMachineOrLink) {
  const auto may = [](const char* text) { return names_may_lead_to(boost::asio::ip::make_address(text)); };
  for (const char* own : {"127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "::1", "::", "fe80::1",
                          "fe80::1%lo", "::ffff:127.0.0.1", "::ffff:169.254.169.254"})
    EXPECT_FALSE(may(own)) << own;
  for (const char* other : {"10.0.0.1", "192.0.2.1", "2001:db8::1", "fd00::1", "::ffff:10.0.0.1"})
    EXPECT_TRUE(may(other)) << other;
}

TEST(Destinations, ANameIsNeverFoundInARange) {
  const auto allowed = destinations({"0.0.0.0/0:22", "[::/0]:22", "db.internal:5432"});
  EXPECT_FALSE(find_destination(allowed, "localhost:22"));
  EXPECT_FALSE(find_destination(allowed, "db.internal:22"));
  EXPECT_FALSE(find_destination(allowed, "db.internal.evil:5432"));
  EXPECT_EQ(find_destination(allowed, "DB.Internal:5432")->host, "db.internal");
}

TEST(Destinations, SchemesAndPathsMeanNothing) {
  const auto allowed = destinations({"db.internal:5432"});
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
