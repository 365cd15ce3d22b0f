#include "base/host.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/hostile_texts.h"

namespace cfpipe {
namespace {

using namespace std::string_literals;

TEST(Host, HasOneSpelling) {
  struct Row {
    std::string text, canonical;
    bool address;
  };
  for (const auto& [text, canonical, address] :
       std::vector<Row>{{"VM.Example.com", "vm.example.com", false},
                        {"vm.example.com.", "vm.example.com", false},
                        {"a_b-c", "a_b-c", false},
                        {"1.2.3.4.evil.com", "1.2.3.4.evil.com", false},
                        {"127.0.0.1.nip.io", "127.0.0.1.nip.io", false},
                        {"0x7f.example", "0x7f.example", false},
                        {"1e1.2e2", "1e1.2e2", false},
                        {"127.0.0.1", "127.0.0.1", true},
                        {"2001:DB8:0:0::1", "2001:db8::1", true},
                        {"::FFFF:10.0.0.1", "10.0.0.1", true},
                        {"::ffff:a00:1", "10.0.0.1", true},
                        {"::", "::", true}}) {
    const auto host = Host::parse(text);
    ASSERT_TRUE(host) << text << ": " << host.error().detail;
    EXPECT_EQ(host->text(), canonical) << text;
    EXPECT_EQ(host->address().has_value(), address) << text;
  }
}

TEST(Host, RefusesWhatHasAnotherReadingElsewhere) {
  const std::string label(64, 'a');
  const std::string name(254, 'a');
  for (const std::string& text : {""s,
                                  "."s,
                                  ".."s,
                                  "vm.."s,
                                  "vm..example"s,
                                  ".vm"s,
                                  "127.0.0.1."s,
                                  "127.1"s,
                                  "127.0.1"s,
                                  "2130706433"s,
                                  "0x7f.1"s,
                                  "0x7f000001"s,
                                  "0x"s,
                                  "0177.0.0.1"s,
                                  "127.0.0.01"s,
                                  "1.2.3.4.5"s,
                                  "256.1.1.1"s,
                                  "1.2.3"s,
                                  "vm.1"s,
                                  "vm.0x1f"s,
                                  "10.0.0.1%.localhost"s,
                                  "fe80::1%eth0"s,
                                  "::ffff:10.0.0.1%x"s,
                                  "vm%2e"s,
                                  "[::1]"s,
                                  "::1]"s,
                                  ":::"s,
                                  "1:2"s,
                                  "vm:22"s,
                                  "vm/x"s,
                                  "vm?x"s,
                                  "vm#x"s,
                                  "a@b"s,
                                  "a b"s,
                                  "a\0.example"s,
                                  "1.2.3.4\0"s,
                                  "::1\0"s,
                                  "-vm"s,
                                  "vm-"s,
                                  "a.-b.c"s,
                                  "*.example.com"s,
                                  "\x9b"s,
                                  "b\xc3\xbc"s,
                                  label,
                                  name})
    EXPECT_FALSE(Host::parse(text)) << printable(text);
}

TEST(Host, PatternsAreTakenOnlyWhereTheyAreAskedFor) {
  EXPECT_TRUE(Host::parse("*.example.com", Wildcards::allowed)->is_pattern());
  EXPECT_FALSE(Host::parse("*.example.com"));
  EXPECT_FALSE(Host::parse("vm?.example.com", Wildcards::allowed));
}

TEST(Host, KnowsThisMachine) {
  for (const char* text :
       {"localhost", "a.b.localhost", "LOCALHOST.", "127.9.9.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(Host::parse(text)->is_this_machine()) << text;
  for (const char* text : {"localhost.example", "notlocalhost", "10.0.0.1", "::", "127.0.0.1.nip.io"})
    EXPECT_FALSE(Host::parse(text)->is_this_machine()) << text;
}

TEST(Host, OfAnAddressHasNoZone) {
  EXPECT_EQ(Host(boost::asio::ip::make_address("fe80::1%lo")).text(), "fe80::1");
  EXPECT_EQ(Host(boost::asio::ip::make_address("::ffff:10.0.0.1")).text(), "10.0.0.1");
}

TEST(Authority, HasAPortFrom1To65535OrNone) {
  EXPECT_EQ(Authority::parse("vm.example.com")->port, std::nullopt);
  EXPECT_EQ(Authority::parse("vm.example.com:65535")->port, 65535);
  EXPECT_EQ(Authority::parse("[::1]:22")->text(), "[::1]:22");
  EXPECT_EQ(Authority::parse("[::ffff:10.0.0.1]:22")->text(), "10.0.0.1:22");
  EXPECT_EQ(Authority::parse("vm:443")->text_without(443), "vm");
  for (const char* text : {"vm:",      "vm:0",          "vm:65536",
                           "vm:99999", "vm:4294967297", "vm:18446744073709551617",
                           "vm:-1",    "vm:+1",         "vm: 1",
                           "vm:1 ",    "vm:022",        "vm:0x16",
                           "vm:ssh",   "vm:22:22",      "::1",
                           "::1:22",   "[::1",          "[::1]22",
                           "[::1]:",   "[vm]:22",       "[127.0.0.1]:22",
                           "[]:22",    ":22",           "u@vm:22",
                           "vm:22/x",  "[::1%25lo]:22"})
    EXPECT_FALSE(Authority::parse(text)) << text;
  EXPECT_FALSE(Authority::parse("127.0.0.1:0"));
  EXPECT_EQ(Authority::parse("127.0.0.1:0", Wildcards::refused, ZeroPort::allowed)->port, 0);
}

TEST(Host, ParsedAndPrintedItIsTheSameOrItIsRefused) {
  constexpr int kTexts = 60'000;
  testing::HostileTexts hostile;
  int hosts = 0, authorities = 0;
  for (int i = 0; i < kTexts; ++i) {
    const std::string text = hostile.next();
    if (const auto host = Host::parse(text)) {
      ++hosts;
      const auto again = Host::parse(host->text());
      ASSERT_TRUE(again) << printable(text);
      ASSERT_EQ(again->text(), host->text()) << printable(text);
      ASSERT_EQ(again->address(), host->address()) << printable(text);
    }
    if (const auto authority = Authority::parse(text)) {
      ++authorities;
      const auto again = Authority::parse(authority->text());
      ASSERT_TRUE(again && *again == *authority) << printable(text);
    }
  }
  // The texts are not all refused.
  EXPECT_GT(hosts, 500);
  EXPECT_GT(authorities, 500);
}

TEST(Host, ANameIsNeverReadAsAnAddressByTheSystem) {
  testing::HostileTexts hostile;
  for (int i = 0; i < 20'000; ++i) {
    const auto host = Host::parse(hostile.next());
    if (!host || host->address()) continue;
    in_addr as_address{};
    ASSERT_EQ(::inet_aton(host->text().c_str(), &as_address), 0) << host->text();
  }
}

}  // namespace
}  // namespace cfpipe
