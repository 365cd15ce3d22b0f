#include "edge/limits/party.h"

#include <cstddef>
#include <span>
#include <string>

#include "base/text.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

/// First bytes of keys: no email address begins with one.
constexpr char kNoAddress = 0;
constexpr char kServiceToken = 1;
constexpr char kV4 = 4;
constexpr char kV6 = 6;
/// Bytes of an IPv6 address that name its network.
constexpr std::size_t kNetworkBytes = 8;

PartyKey key_of(char kind, std::span<const unsigned char> bytes) {
  PartyKey key(1, kind);
  for (const unsigned char byte : bytes) key += static_cast<char>(byte);
  return key;
}

}  // namespace

PartyKey address_key(const net::ip::address& address) {
  if (address.is_v6() && !address.to_v6().is_v4_mapped()) {
    const auto bytes = address.to_v6().to_bytes();
    return key_of(kV6, std::span(bytes).first<kNetworkBytes>());
  }
  const auto v4 =
      address.is_v6() ? net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6()) : address.to_v4();
  const auto bytes = v4.to_bytes();
  return key_of(kV4, bytes);
}

PartyKey address_key(std::string_view address) {
  boost::system::error_code error;
  const auto parsed = net::ip::make_address(std::string(address), error);
  return error ? PartyKey(1, kNoAddress) : address_key(parsed);
}

PartyKey person_key(std::string_view name, std::string_view client_id) {
  if (client_id.empty()) return lower(name);
  return PartyKey(1, kServiceToken) + std::string(client_id);
}

}  // namespace cfpipe::edge
