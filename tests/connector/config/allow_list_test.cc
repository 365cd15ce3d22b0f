#include "connector/config/allow_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cfpipe::connector {
namespace {

namespace net = boost::asio;
using Lookup = AllowList::Lookup;

AllowList list(const std::vector<const char*>& entries) {
  std::vector<AllowedOrigin> out;
  for (const char* text : entries) out.push_back(AllowedOrigin::parse(text).value());
  return AllowList(std::move(out));
}

transport::Endpoints endpoints(const std::vector<const char*>& addresses, std::uint16_t port) {
  transport::Endpoints out;
  for (const char* address : addresses) out.emplace_back(net::ip::make_address(address), port);
  return out;
}

std::string shown(const transport::Endpoints& endpoints) {
  std::string out;
  for (const auto& one : endpoints) out += (out.empty() ? "" : " ") + one.address().to_string();
  return out;
}

struct Case {
  const char* entry;
  const char* host;  ///< as the edge asks
  std::vector<const char*> found;
  std::uint16_t port;
  const char* allowed;
};

class AllowedOrigins : public ::testing::TestWithParam<Case> {};

TEST_P(AllowedOrigins, AreTheAddressesThatTheEntryNames) {
  const Case& c = GetParam();
  const auto host = Host::parse(c.host);
  ASSERT_TRUE(host) << c.host;
  EXPECT_EQ(shown(list({c.entry}).allowed(*host, endpoints(c.found, c.port))), c.allowed)
      << c.entry << " asked for " << c.host;
}

INSTANTIATE_TEST_SUITE_P(
    Table, AllowedOrigins,
    ::testing::Values(
        // An address, and the port with it.
        Case{"127.0.0.1:22", "127.0.0.1", {"127.0.0.1"}, 22, "127.0.0.1"},
        Case{"127.0.0.1:22", "127.0.0.1", {"127.0.0.1"}, 23, ""},
        Case{"127.0.0.1:22", "127.0.0.2", {"127.0.0.2"}, 22, ""},
        Case{"127.0.0.1:22", "::1", {"::1"}, 22, ""},  //
        Case{"[::1]:22", "::1", {"::1"}, 22, "::1"},
        Case{"127.0.0.1:22", "::ffff:127.0.0.1", {"::ffff:127.0.0.1"}, 22, "::ffff:127.0.0.1"},
        Case{"0.0.0.0:22", "0.0.0.0", {"0.0.0.0"}, 22, ""}, Case{"[::]:22", "::", {"::"}, 22, ""},
        // Ranges.
        Case{"10.0.0.0/24:22", "10.0.0.255", {"10.0.0.255"}, 22, "10.0.0.255"},
        Case{"10.0.0.0/24:22", "10.0.1.0", {"10.0.1.0"}, 22, ""},
        Case{"[fd00::/8]:22", "fd00::5", {"fd00::5"}, 22, "fd00::5"},
        Case{"127.0.0.0/8:22", "127.9.9.9", {"127.9.9.9"}, 22, "127.9.9.9"},
        // A range of the network names neither this machine nor its link.
        Case{"0.0.0.0/0:22", "127.0.0.1", {"127.0.0.1"}, 22, ""},
        Case{"0.0.0.0/0:22", "169.254.169.254", {"169.254.169.254"}, 22, ""},
        Case{"0.0.0.0/0:22", "0.0.0.0", {"0.0.0.0"}, 22, ""},
        Case{"0.0.0.0/0:22", "8.8.8.8", {"8.8.8.8"}, 22, "8.8.8.8"},
        Case{"[::/0]:22", "::1", {"::1"}, 22, ""},  //
        Case{"[::/0]:22", "fe80::1", {"fe80::1"}, 22, ""}, Case{"[::/0]:22", "::", {"::"}, 22, ""},
        Case{"169.254.0.0/16:22", "169.254.1.1", {"169.254.1.1"}, 22, "169.254.1.1"},
        Case{"[fe80::/10]:22", "fe80::1", {"fe80::1"}, 22, "fe80::1"},
        // A name that leads into a range is dialled there, and nowhere else.
        Case{"10.0.0.0/24:22", "vm.internal", {"10.0.0.5", "10.0.1.5"}, 22, "10.0.0.5"},
        Case{"127.0.0.1:22", "evil.example.com", {"127.0.0.1"}, 22, "127.0.0.1"},
        // A name is allowed wherever it leads, but to this machine and its link.
        Case{"vm.internal:22", "vm.internal", {"10.0.0.5", "192.0.2.1"}, 22, "10.0.0.5 192.0.2.1"},
        Case{"vm.internal:22", "VM.internal.", {"10.0.0.5"}, 22, "10.0.0.5"},
        Case{"vm.internal:22",
             "vm.internal",
             {"127.0.0.1", "::1", "169.254.1.1", "fe80::1", "0.0.0.0"},
             22,
             ""},
        Case{"vm.internal:22", "vm.internal", {"::ffff:127.0.0.1"}, 22, ""},
        Case{"vm.internal:22", "vm.internal", {"10.0.0.5"}, 2222, ""},
        Case{"vm.internal:22", "10.0.0.5", {"10.0.0.5"}, 22, ""},
        Case{"vm.internal:22", "a.vm.internal", {"10.0.0.5"}, 22, ""},
        // A pattern: one label for each `*`.
        Case{"*.internal:22", "vm.internal", {"10.0.0.5"}, 22, "10.0.0.5"},
        Case{"*.internal:22", "a.vm.internal", {"10.0.0.5"}, 22, ""},
        Case{"*.internal:22", "internal", {"10.0.0.5"}, 22, ""},
        Case{"*.internal:22", "vm.internal", {"127.0.0.1"}, 22, ""},
        Case{"web-*.internal:22", "web-1.internal", {"10.0.0.5"}, 22, "10.0.0.5"},
        // localhost is loopback, and what is below it too (RFC 6761 6.3).
        Case{"localhost:22", "localhost", {"127.0.0.1", "::1"}, 22, "127.0.0.1 ::1"},
        Case{"localhost:22", "127.0.0.1", {"127.0.0.1"}, 22, "127.0.0.1"},
        Case{"localhost:22", "127.0.0.2", {"127.0.0.2"}, 22, ""},
        Case{"127.0.0.1:22", "localhost", {"127.0.0.1", "::1"}, 22, "127.0.0.1"}));

TEST(AllowList, IsThisMachinesSshdUnlessItSaysOtherwise) {
  const AllowList preset;
  const auto both = endpoints({"127.0.0.1", "::1"}, 22);
  EXPECT_EQ(preset.allowed(*Host::parse("localhost"), both), both);
  EXPECT_TRUE(preset.allowed(*Host::parse("127.0.0.1"), endpoints({"127.0.0.1"}, 80)).empty());
  EXPECT_EQ(preset.entries().size(), 2U);
}

struct LookupCase {
  std::vector<const char*> entries;
  const char* host;
  std::uint16_t port;
  Lookup lookup;
};

class NamesOfOrigins : public ::testing::TestWithParam<LookupCase> {};

TEST_P(NamesOfOrigins, AreLookedUpOnlyWhereAnEntryMayAllowThem) {
  const auto& c = GetParam();
  EXPECT_EQ(list(c.entries).lookup(*Host::parse(c.host), c.port), c.lookup) << c.host;
}

INSTANTIATE_TEST_SUITE_P(
    Table, NamesOfOrigins,
    ::testing::Values(LookupCase{{"127.0.0.1:22", "[::1]:22"}, "leak.example.com", 22, Lookup::none},
                      LookupCase{{"127.0.0.1:22"}, "127.0.0.1", 22, Lookup::exact},
                      LookupCase{{"127.0.0.1:22"}, "127.0.0.1", 23, Lookup::none},
                      LookupCase{{"127.0.0.1:22"}, "localhost", 22, Lookup::exact},
                      LookupCase{{"10.0.0.0/8:22"}, "vm.internal", 22, Lookup::exact},
                      LookupCase{{"10.0.0.0/8:22"}, "vm.internal", 80, Lookup::none},
                      LookupCase{{"vm:22"}, "vm", 22, Lookup::as_listed},
                      LookupCase{{"*.internal:22"}, "vm.internal", 22, Lookup::exact},
                      LookupCase{{"*.internal:22"}, "vm.example.com", 22, Lookup::none}));

TEST(AllowedOrigin, RefusesWhatHasMoreThanOneReading) {
  for (const char* text :
       {"", ":22", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:022", "127.0.0.1:99999", "127.1:22",
        "0x7f.0.0.1:22", "::1:22", "[127.0.0.1]:22", "[vm]:22", "10.0.0.1/24:22", "10.0.0.0/33:22",
        "vm internal:22", "-vm:22", "vm.internal:ssh", "https://vm:22", "vm:22/path", "user@vm:22"})
    EXPECT_FALSE(AllowedOrigin::parse(text)) << text;
  EXPECT_FALSE(AllowedOrigin::parse(std::string(400, 'a') + ":22"));
}

TEST(AllowedOrigin, KnowsWhatNamesOnePlace) {
  const auto single = [](const char* text) {
    const auto place = AllowedOrigin::parse(text).value().single();
    return place ? place->text() : "";
  };
  EXPECT_EQ(single("127.0.0.1:22"), "127.0.0.1:22");
  EXPECT_EQ(single("127.0.0.1/32:22"), "127.0.0.1:22");
  EXPECT_EQ(single("[::1]:22"), "[::1]:22");
  EXPECT_EQ(single("[::1/128]:22"), "[::1]:22");
  EXPECT_EQ(single("vm.internal:22"), "vm.internal:22");
  EXPECT_EQ(single("*.internal:22"), "");
  EXPECT_EQ(single("10.0.0.0/24:22"), "");
}

}  // namespace
}  // namespace cfpipe::connector
