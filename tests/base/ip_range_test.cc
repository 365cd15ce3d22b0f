#include "base/ip_range.h"

#include <gtest/gtest.h>

namespace cfpipe {
namespace {

TEST(IpRange, HasTheAddressesThatShareItsFirstBits) {
  constexpr struct {
    const char* range;
    const char* address;
    bool inside;
  } kRows[] = {
      {"10.0.0.0/8", "10.255.0.1", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.16.0.0/12", "10.31.255.255", true},
      {"10.16.0.0/12", "10.32.0.0", false},
      {"10.16.0.0/12", "10.0.0.0", false},
      {"192.0.2.4/31", "192.0.2.5", true},
      {"192.0.2.4/31", "192.0.2.6", false},
      {"192.0.2.4", "192.0.2.4", true},
      {"192.0.2.4", "192.0.2.5", false},
      {"0.0.0.0/0", "203.0.113.7", true},
      {"0.0.0.0/0", "::", false},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"0.0.0.0/0", "::ffff:203.0.113.7", true},  // that is an IPv4 address
      {"2001:db8::/33", "2001:db8:7fff::1", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"::/0", "2001:db8::1", true},
      {"::/0", "203.0.113.7", false},
      {"2001:db8::1", "2001:db8::1", true},
      {"2001:db8::1", "2001:db8::2", false},
  };
  for (const auto& row : kRows) {
    const auto range = parse_ip_range(row.range);
    ASSERT_TRUE(range) << row.range;
    EXPECT_EQ(range->contains(parse_ip(row.address).value()), row.inside) << row.range << " " << row.address;
  }
}

TEST(IpRange, IsNoneWhereTheTextMaySlip) {
  for (const char* text :
       {"", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8", "::/129",
        "2001:db8::1/64", "::ffff:10.0.0.0/104", "10.0.0.0/8/8", "example.com/8", "010.0.0.0/8"})
    EXPECT_FALSE(parse_ip_range(text)) << text;
}

TEST(IpAddress, OfAMappedOneIsIpv4) {
  EXPECT_FALSE(parse_ip("::ffff:192.0.2.1")->v6);
  EXPECT_EQ(parse_ip("::ffff:192.0.2.1")->bytes, parse_ip("192.0.2.1")->bytes);
  EXPECT_TRUE(parse_ip("2001:db8::1")->v6);
  for (const char* text : {"", "vm", "192.0.2", "fe80::1%eth0", "1.2.3.4.5"})
    EXPECT_FALSE(parse_ip(text)) << text;
}

}  // namespace
}  // namespace cfpipe
