#include "edge/http/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <vector>

namespace cfpipe::edge {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::string_view kLineStart = "PROXY ";
/// Version 2: offsets and sizes of its fixed part, in bytes, and its codes.
constexpr std::size_t kCommandAt = 12;
constexpr std::size_t kFamilyAt = 13;
constexpr std::size_t kLengthAt = 14;
constexpr std::size_t kFixedBytes = 16;
constexpr unsigned kVersion = 0x2;
constexpr unsigned kLocal = 0x0;
constexpr unsigned kOnBehalf = 0x1;
constexpr unsigned kInet = 0x1;
constexpr unsigned kInet6 = 0x2;
constexpr unsigned kMaxFamily = 0x3;  // AF_UNIX
constexpr unsigned kStream = 0x1;
constexpr unsigned kMaxTransport = 0x2;  // datagrams
/// Bytes of addresses and ports by family: unspecified, IPv4, IPv6, Unix-domain.
constexpr std::array<std::size_t, kMaxFamily + 1> kAddressBytes{0, 12, 36, 216};
/// What follows the addresses: type, two bytes of length, value.
constexpr std::size_t kTlvBytes = 3;
constexpr unsigned kChecksumType = 0x03;
constexpr std::size_t kChecksumBytes = 4;

constexpr const char* kNoHeader = "it begins with something else";

net::ip::address plain_form(const net::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6());
}

net::ip::address_v6 in_v6(const net::ip::address& address) {
  return address.is_v6() ? address.to_v6() : net::ip::make_address_v6(net::ip::v4_mapped, address.to_v4());
}

bool known(const tcp::endpoint& end) {
  return end.port() != 0 || !end.address().is_unspecified();
}

void put_u16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

template <class Bytes>
void put_bytes(std::string& out, const Bytes& bytes) {
  for (const std::uint8_t byte : bytes) out += static_cast<char>(byte);
}

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

std::uint16_t u16_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(text, at) << 8 | byte_at(text, at + 1));
}

template <class Address>
Address address_at(std::string_view text, std::size_t at) {
  typename Address::bytes_type bytes{};
  std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(at), bytes.size(),
              reinterpret_cast<char*>(bytes.data()));
  return Address(bytes);
}

/// Two addresses, then two ports.
template <class Address>
ConnectionEnds ends_at(std::string_view text) {
  constexpr std::size_t kSize = sizeof(typename Address::bytes_type);
  const auto end = [&](std::size_t index) {
    return tcp::endpoint(address_at<Address>(text, index * kSize), u16_at(text, 2 * kSize + 2 * index));
  };
  return {end(0), end(1)};
}

/// RFC 4960, appendix B: the polynomial with its bits reflected.
constexpr std::uint32_t kCastagnoli = 0x82f63b78;

std::uint32_t crc32c(std::string_view text) {
  std::uint32_t sum = ~0u;
  for (const char c : text) {
    sum ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1u ? kCastagnoli : 0u);
  }
  return ~sum;
}

/// What is wrong with the TLVs of a header, which begin at `at`; null: nothing. Of their contents only the
/// checksum counts.
const char* tlv_fault(std::string_view header, std::size_t at) {
  std::size_t checksum_at = 0;
  while (at < header.size()) {
    if (header.size() - at < kTlvBytes) return "what follows its addresses is cut short";
    const unsigned type = byte_at(header, at);
    const std::size_t length = u16_at(header, at + 1);
    at += kTlvBytes;
    if (header.size() - at < length) return "what follows its addresses is cut short";
    if (type == kChecksumType) {
      if (length != kChecksumBytes || checksum_at != 0) return "its checksum is malformed";
      checksum_at = at;
    }
    at += length;
  }
  if (checksum_at == 0) return nullptr;
  std::string zeroed(header);
  zeroed.replace(checksum_at, kChecksumBytes, kChecksumBytes, '\0');
  const std::uint32_t said =
      std::uint32_t{u16_at(header, checksum_at)} << 16 | u16_at(header, checksum_at + 2);
  return crc32c(zeroed) == said ? nullptr : "its checksum is wrong";
}

/// Decimal, without leading zeros (2.1).
std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool padded = text.size() > 1 && text.front() == '0';
  if (error != std::errc{} || end != text.data() + text.size() || padded) return std::nullopt;
  return port;
}

std::optional<net::ip::address> parse_address(const std::string& text, bool v6) {
  boost::system::error_code error;
  net::ip::address out;
  if (v6) {
    out = net::ip::make_address_v6(text, error);
  } else {
    out = net::ip::make_address_v4(text, error);
  }
  const bool zoned = text.find('%') != std::string::npos;
  if (error || zoned) return std::nullopt;
  return out;
}

std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> out;
  for (;;) {
    const auto space = line.find(' ');
    out.emplace_back(line.substr(0, space));
    if (space == std::string_view::npos) return out;
    line.remove_prefix(space + 1);
  }
}

}  // namespace

std::string proxy_header(const ConnectionEnds& ends) {
  const auto from = plain_form(ends.client.address());
  const auto to = plain_form(ends.edge.address());
  std::string addresses;
  unsigned family = 0;
  if (known(ends.client) && known(ends.edge)) {
    family = from.is_v4() && to.is_v4() ? kInet : kInet6;
    for (const auto& address : {from, to}) {
      if (family == kInet) {
        put_bytes(addresses, address.to_v4().to_bytes());
      } else {
        put_bytes(addresses, in_v6(address).to_bytes());
      }
    }
    put_u16(addresses, ends.client.port());
    put_u16(addresses, ends.edge.port());
  }
  std::string out(kSignature);
  out += static_cast<char>(kVersion << 4 | kOnBehalf);
  out += static_cast<char>(family == 0 ? 0 : family << 4 | kStream);
  put_u16(out, addresses.size());
  return out + addresses;
}

std::size_t ProxyHeaderReader::take(std::string_view from) {
  std::size_t taken = 0;
  while (!over() && taken < from.size()) {
    const auto step = from.substr(taken, wanted());
    text_ += step;
    taken += step.size();
    look();
  }
  return taken;
}

/// A line's end has to be looked for; how long a binary header is stands in its fixed part.
std::size_t ProxyHeaderReader::wanted() const {
  if (text_.empty() || text_.front() != kSignature.front()) return 1;
  if (text_.size() < kFixedBytes) return kFixedBytes - text_.size();
  return kFixedBytes + u16_at(text_, kLengthAt) - text_.size();
}

void ProxyHeaderReader::look() {
  const std::string_view start = text_.front() == kSignature.front() ? kSignature : kLineStart;
  const auto both = std::min(start.size(), text_.size());
  if (text_.compare(0, both, start.substr(0, both)) != 0) {
    fault_ = kNoHeader;
  } else if (start == kSignature) {
    look_at_binary();
  } else {
    look_at_line();
  }
}

void ProxyHeaderReader::look_at_line() {
  if (!text_.ends_with('\n')) {
    if (text_.size() >= kMaxProxyLineBytes) fault_ = "its line is longer than 107 bytes";
    return;
  }
  fault_ = "its line is malformed";
  if (!text_.ends_with("\r\n")) return;
  const auto fields = fields_of(std::string_view(text_).substr(0, text_.size() - 2));
  const std::string& protocol = fields.at(1);
  if (protocol == "TCP4" || protocol == "TCP6") {
    if (fields.size() != 6) return;
    const bool v6 = protocol == "TCP6";
    const auto from = parse_address(fields[2], v6);
    const auto to = parse_address(fields[3], v6);
    const auto from_port = parse_port(fields[4]);
    const auto to_port = parse_port(fields[5]);
    if (!from || !to || !from_port || !to_port) return;
    ends_ = ConnectionEnds{{*from, *from_port}, {*to, *to_port}};
  } else if (protocol != "UNKNOWN") {
    return;
  }
  fault_ = nullptr;
  done_ = true;
}

void ProxyHeaderReader::look_at_binary() {
  if (text_.size() < kFixedBytes) return;
  const unsigned version = byte_at(text_, kCommandAt) >> 4;
  const unsigned command = byte_at(text_, kCommandAt) & 0xf;
  const unsigned family = byte_at(text_, kFamilyAt) >> 4;
  const unsigned transport = byte_at(text_, kFamilyAt) & 0xf;
  const std::size_t length = kFixedBytes + u16_at(text_, kLengthAt);
  if (version != kVersion || command > kOnBehalf) {
    fault_ = "its version or command is unknown";
  } else if (command != kLocal && (family > kMaxFamily || transport > kMaxTransport)) {
    fault_ = "its address family or transport is unknown";
  } else if (length > kMaxProxyHeaderBytes) {
    fault_ = "it is longer than 4096 bytes";
  }
  if (fault_ != nullptr || text_.size() < length) return;
  done_ = true;
  if (command == kLocal || family == 0 || transport == 0) return;
  const std::size_t tlvs = kFixedBytes + kAddressBytes[family];
  fault_ = text_.size() < tlvs ? "it is too short for its addresses" : tlv_fault(text_, tlvs);
  if (fault_ != nullptr || transport != kStream) return;
  const auto addresses = std::string_view(text_).substr(kFixedBytes);
  if (family == kInet) ends_ = ends_at<net::ip::address_v4>(addresses);
  if (family == kInet6) ends_ = ends_at<net::ip::address_v6>(addresses);
}

}  // namespace cfpipe::edge
