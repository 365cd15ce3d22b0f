// The PROXY protocol's header, byte by byte as its specification has it: written, and read.
#include "edge/http/proxy_header.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kSignature = "0d0a0d0a000d0a515549540a";

ConnectionEnds ends(const char* client, std::uint16_t client_port, const char* edge,
                    std::uint16_t edge_port) {
  using boost::asio::ip::make_address;
  return {{make_address(client), client_port}, {make_address(edge), edge_port}};
}

TEST(ProxyHeader, HasTwelveBytesOfAddressesForIPv4) {
  EXPECT_EQ(hex(proxy_header(ends("192.0.2.7", 50000, "198.51.100.9", 443))),
            std::string(kSignature) + "21" + "11" + "000c" + "c0000207" + "c6336409" + "c350" + "01bb");
}

TEST(ProxyHeader, HasThirtySixForIPv6) {
  EXPECT_EQ(hex(proxy_header(ends("2001:db8::7", 1, "2001:db8::9", 65535))),
            std::string(kSignature) + "21" + "21" + "0024" + "20010db8000000000000000000000007" +
                "20010db8000000000000000000000009" + "0001" + "ffff");
}

TEST(ProxyHeader, WritesMappedAddressesAsIPv4) {
  EXPECT_EQ(proxy_header(ends("::ffff:192.0.2.7", 50000, "::ffff:198.51.100.9", 443)),
            proxy_header(ends("192.0.2.7", 50000, "198.51.100.9", 443)));
}

TEST(ProxyHeader, WritesBothEndsAsIPv6WhereOneIs) {
  EXPECT_EQ(hex(proxy_header(ends("192.0.2.7", 50000, "2001:db8::9", 443))),
            std::string(kSignature) + "21" + "21" + "0024" + "00000000000000000000ffffc0000207" +
                "20010db8000000000000000000000009" + "c350" + "01bb");
}

TEST(ProxyHeader, WritesAnAddressWhosePortIsNotKnown) {
  EXPECT_EQ(hex(proxy_header(ends("192.0.2.7", 0, "198.51.100.9", 443))),
            std::string(kSignature) + "21" + "11" + "000c" + "c0000207" + "c6336409" + "0000" + "01bb");
}

TEST(ProxyHeader, NamesNoClientWhereAnEndIsNotKnown) {
  const std::string unknown = std::string(kSignature) + "21" + "00" + "0000";
  EXPECT_EQ(hex(proxy_header({})), unknown) << "the client was gone before it was asked for";
  EXPECT_EQ(hex(proxy_header({{}, ends("::1", 1, "192.0.2.7", 443).edge})), unknown);
}

/// From text with hexadecimal digits.
std::string bytes(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return out;
}

std::string v2(const std::string& rest) {
  return bytes(kSignature + rest);
}

/// 192.0.2.7:50000 to 198.51.100.9:443.
const std::string kAddresses4 = "c0000207c6336409c35001bb";
const std::string kAddresses6 = "20010db800000000000000000000000720010db80000000000000000000000090001ffff";
/// With ALPN, authority, checksum and padding behind the addresses.
const std::string kWithChecksum = "2111002c" + kAddresses4 +
                                  "010002"
                                  "6832"
                                  "02000e"
                                  "766d2e6578616d706c652e636f6d"
                                  "030004"
                                  "36b75370"
                                  "040000";
constexpr const char* kBehind = "\x16\x03\x01 what follows is not the header's";

struct Good {
  const char* name;
  std::string header;
  std::optional<ConnectionEnds> ends;
};
void PrintTo(const Good& good, std::ostream* out) {
  *out << good.name;
}
class GoodProxyHeaders : public ::testing::TestWithParam<Good> {};

TEST_P(GoodProxyHeaders, AreReadToTheirEndAndNotAByteFurther) {
  const auto& [name, header, expected] = GetParam();
  ProxyHeaderReader reader;
  EXPECT_EQ(reader.take(header + kBehind), header.size());
  ASSERT_TRUE(reader.over());
  EXPECT_EQ(reader.fault(), nullptr) << reader.fault();
  EXPECT_EQ(reader.ends(), expected);
  EXPECT_EQ(reader.take(kBehind), 0u);
}

TEST_P(GoodProxyHeaders, MayComeInTwoPiecesCutAnywhere) {
  const auto& [name, header, expected] = GetParam();
  for (std::size_t at = 0; at < header.size(); ++at) {
    ProxyHeaderReader reader;
    EXPECT_EQ(reader.take(header.substr(0, at)), at);
    EXPECT_FALSE(reader.over()) << at << " bytes of " << header.size();
    EXPECT_EQ(reader.begun(), at > 0);
    EXPECT_EQ(reader.take(header.substr(at) + kBehind), header.size() - at);
    ASSERT_TRUE(reader.over()) << at;
    EXPECT_EQ(reader.fault(), nullptr) << at;
    EXPECT_EQ(reader.ends(), expected) << at;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, GoodProxyHeaders,
    ::testing::Values(
        Good{"LineOfIPv4", "PROXY TCP4 192.0.2.7 198.51.100.9 50000 443\r\n",
             ends("192.0.2.7", 50000, "198.51.100.9", 443)},
        Good{"LineOfIPv6", "PROXY TCP6 2001:db8::7 2001:db8::9 1 65535\r\n",
             ends("2001:db8::7", 1, "2001:db8::9", 65535)},
        Good{"LineOfPortZero", "PROXY TCP4 192.0.2.7 198.51.100.9 0 443\r\n",
             ends("192.0.2.7", 0, "198.51.100.9", 443)},
        Good{"LongestLine",
             "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
             "65535 65535\r\n",
             std::nullopt},
        Good{"UnknownLine", "PROXY UNKNOWN\r\n", std::nullopt},
        Good{"IPv4", v2("2111000c" + kAddresses4), ends("192.0.2.7", 50000, "198.51.100.9", 443)},
        Good{"IPv6", v2("21210024" + kAddresses6), ends("2001:db8::7", 1, "2001:db8::9", 65535)},
        Good{"Checksum", v2(kWithChecksum), ends("192.0.2.7", 50000, "198.51.100.9", 443)},
        Good{"Local", v2("20000000"), std::nullopt},
        Good{"LocalWithWhatIsIgnored",
             v2("20990003"
                "ffffff"),
             std::nullopt},
        Good{"Unspecified", v2("21000000"), std::nullopt},
        Good{"UnspecifiedWithWhatIsIgnored", v2("2100000c" + kAddresses4), std::nullopt},
        Good{"UnixSocket", v2("213100d8" + std::string(432, '0')), std::nullopt},
        Good{"Datagrams", v2("2112000c" + kAddresses4), std::nullopt},
        Good{"Largest", v2("21110ff0" + kAddresses4 + "040fe1" + std::string(std::size_t{2} * 0xfe1, '0')),
             ends("192.0.2.7", 50000, "198.51.100.9", 443)}),
    [](const auto& one) { return one.param.name; });

struct Bad {
  const char* name;
  std::string header;
  const char* fault;
};
void PrintTo(const Bad& bad, std::ostream* out) {
  *out << bad.name;
}
class BadProxyHeaders : public ::testing::TestWithParam<Bad> {};

TEST_P(BadProxyHeaders, AreRefusedForAReason) {
  for (const bool at_once : {true, false}) {
    ProxyHeaderReader reader;
    for (std::size_t i = 0; !at_once && i < GetParam().header.size(); ++i)
      reader.take(GetParam().header.substr(i, 1));
    if (at_once) reader.take(GetParam().header);
    ASSERT_TRUE(reader.over());
    ASSERT_NE(reader.fault(), nullptr);
    EXPECT_NE(std::string(reader.fault()).find(GetParam().fault), std::string::npos) << reader.fault();
    EXPECT_FALSE(reader.ends());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadProxyHeaders,
    ::testing::Values(
        Bad{"Tls", "\x16", "something else"},  //
        Bad{"Get", "GET", "something else"},   //
        Bad{"Post", "PO", "something else"}, Bad{"LowerCase", "proxy", "something else"},
        Bad{"NoSpace", "PROXY\r", "something else"}, Bad{"EmptyLine", "\r\n\r\nG", "something else"},
        Bad{"LineFeedAlone", "PROXY TCP4 192.0.2.7 198.51.100.9 50000 443\n", "malformed"},
        Bad{"NoProtocol", "PROXY \r\n", "malformed"},
        Bad{"OtherProtocol", "PROXY TCP5 192.0.2.7 198.51.100.9 50000 443\r\n", "malformed"},
        Bad{"ProtocolGoesOn", "PROXY UNKNOWNS\r\n", "malformed"},
        Bad{"NoPorts", "PROXY TCP4 192.0.2.7 198.51.100.9\r\n", "malformed"},
        Bad{"FieldTooMany", "PROXY TCP4 192.0.2.7 198.51.100.9 50000 443 1\r\n", "malformed"},
        Bad{"TwoSpaces", "PROXY TCP4  192.0.2.7 198.51.100.9 50000 443\r\n", "malformed"},
        Bad{"OtherFamily", "PROXY TCP4 2001:db8::7 2001:db8::9 1 2\r\n", "malformed"},
        Bad{"OtherFamily6", "PROXY TCP6 192.0.2.7 198.51.100.9 1 2\r\n", "malformed"},
        Bad{"PaddedAddress", "PROXY TCP4 192.0.2.07 198.51.100.9 1 2\r\n", "malformed"},
        Bad{"Name", "PROXY TCP4 localhost 198.51.100.9 1 2\r\n", "malformed"},
        Bad{"Zone", "PROXY TCP6 fe80::1%1 2001:db8::9 1 2\r\n", "malformed"},
        Bad{"PaddedPort", "PROXY TCP4 192.0.2.7 198.51.100.9 01 2\r\n", "malformed"},
        Bad{"LargePort", "PROXY TCP4 192.0.2.7 198.51.100.9 65536 2\r\n", "malformed"},
        Bad{"NegativePort", "PROXY TCP4 192.0.2.7 198.51.100.9 -1 2\r\n", "malformed"},
        Bad{"LongLine", "PROXY UNKNOWN " + std::string(kMaxProxyLineBytes, 'f'), "longer than 107"},
        Bad{"Version1InBinary", v2("1111000c"), "version"},  //
        Bad{"Version3", v2("3111000c"), "version"},          //
        Bad{"UnknownCommand", v2("2211000c"), "command"}, Bad{"UnknownFamily", v2("2141000c"), "family"},
        Bad{"UnknownTransport", v2("2113000c"), "transport"},
        Bad{"TooLong", v2("21110ff1"), "longer than 4096"},
        Bad{"LocalTooLong", v2("2000ffff"), "longer than 4096"},
        Bad{"TooShortForIPv4", v2("2111000b" + kAddresses4), "too short"},
        Bad{"TooShortForIPv6", v2("2121000c" + kAddresses4), "too short"},
        Bad{"HalfAType", v2("2111000e" + kAddresses4 + "0400"), "cut short"},
        Bad{"HalfAValue", v2("21110010" + kAddresses4 + "04000200"), "cut short"},
        Bad{"WrongChecksum",
            v2("21110013" + kAddresses4 +
               "030004"
               "00000000"),
            "checksum is wrong"},
        Bad{"ShortChecksum",
            v2("21110012" + kAddresses4 +
               "030003"
               "000000"),
            "checksum is malformed"},
        Bad{"TwoChecksums",
            v2("2111001a" + kAddresses4 +
               "030004"
               "00000000"
               "030004"
               "00000000"),
            "checksum is malformed"}),
    [](const auto& one) { return one.param.name; });

TEST(ProxyHeader, WithAnyBitOfItsAddressesChangedHasAnotherChecksum) {
  const std::string good = v2(kWithChecksum);
  for (std::size_t at = 16; at < std::size_t{16} + kAddresses4.size() / 2; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = good;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      ProxyHeaderReader reader;
      reader.take(changed);
      EXPECT_NE(reader.fault(), nullptr) << at << " " << bit;
    }
  }
}

TEST(ProxyHeader, IsReadAsItIsWritten) {
  for (const auto& one : {ends("192.0.2.7", 50000, "198.51.100.9", 443), ends("2001:db8::7", 1, "::1", 2)}) {
    ProxyHeaderReader reader;
    reader.take(proxy_header(one));
    EXPECT_EQ(reader.ends(), one);
  }
}

}  // namespace
}  // namespace cfpipe::edge
