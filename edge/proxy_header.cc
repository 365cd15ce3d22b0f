#include "edge/proxy_header.h"

#include <cstdint>
#include <string_view>

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
/// Version 2, on behalf of somebody.
constexpr char kVersionAndCommand = 0x21;
constexpr char kUnspecified = 0x00;
constexpr char kTcp4 = 0x11;
constexpr char kTcp6 = 0x21;

net::ip::address plain_form(const net::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6());
}

void put_u16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

template <class Bytes>
void put_bytes(std::string& out, const Bytes& bytes) {
  for (const std::uint8_t byte : bytes) out += static_cast<char>(byte);
}

}  // namespace

std::string proxy_header(const ConnectionEnds& ends) {
  const auto from = plain_form(ends.client.address());
  const auto to = plain_form(ends.edge.address());
  std::string addresses;
  char family = kUnspecified;
  if (ends.client.port() != 0 && ends.edge.port() != 0 && from.is_v4() == to.is_v4()) {
    family = from.is_v4() ? kTcp4 : kTcp6;
    for (const auto& address : {from, to}) {
      if (address.is_v4()) {
        put_bytes(addresses, address.to_v4().to_bytes());
      } else {
        put_bytes(addresses, address.to_v6().to_bytes());
      }
    }
    put_u16(addresses, ends.client.port());
    put_u16(addresses, ends.edge.port());
  }
  std::string out(kSignature);
  out += kVersionAndCommand;
  out += family;
  put_u16(out, addresses.size());
  return out + addresses;
}

}  // namespace cfpipe::edge
