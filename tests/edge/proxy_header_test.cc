// The PROXY protocol's header, byte by byte as its specification has it.
#include "edge/proxy_header.h"

#include <gtest/gtest.h>

#include "edge/text.h"

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

TEST(ProxyHeader, NamesNobodyWhereAnEndIsNotKnown) {
  const std::string nobody = std::string(kSignature) + "21" + "00" + "0000";
  EXPECT_EQ(hex(proxy_header({})), nobody) << "the client was gone before it was asked for";
  EXPECT_EQ(hex(proxy_header(ends("192.0.2.7", 50000, "2001:db8::9", 443))), nobody);
}

}  // namespace
}  // namespace cfpipe::edge
