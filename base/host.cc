#include "base/host.h"

#include <algorithm>
#include <charconv>

namespace cfpipe {
namespace net = boost::asio;
namespace {

/// Longest refused text that a message repeats, in bytes.
constexpr std::size_t kShownBytes = 120;
/// Digits of the largest port.
constexpr std::size_t kMaxPortDigits = 5;

Failure bad(std::string_view text, const char* why) {
  return {Stage::input, Cause::bad_url, printable(text, kShownBytes) + ": " + why};
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}

char lower_char(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_label(std::string_view label, Wildcards wildcards) {
  if (label.empty() || label.size() > kMaxLabelBytes || label.front() == '-' || label.back() == '-')
    return false;
  return std::all_of(label.begin(), label.end(), [wildcards](char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_' ||
           (c == '*' && wildcards == Wildcards::allowed);
  });
}

/// Whether getaddrinfo() may read a name with this last label as an IPv4 address (inet_aton(3)).
bool is_number(std::string_view label) {
  if (label.starts_with("0x")) return std::all_of(label.begin() + 2, label.end(), is_hex);
  return std::all_of(label.begin(), label.end(), is_digit);
}

const char* name_fault(std::string_view name, Wildcards wildcards) {
  if (name.empty()) return "no host name";
  if (name.size() > kMaxHostBytes) return "a host name longer than 253 bytes";
  for (std::string_view rest = name;;) {
    const auto dot = rest.find('.');
    const auto label = rest.substr(0, dot);
    if (label.size() > kMaxLabelBytes) return "a part of the name is longer than 63 bytes";
    if (!is_label(label, wildcards)) return "no valid host name";
    if (dot == std::string_view::npos) return is_number(label) ? "no valid address" : nullptr;
    rest.remove_prefix(dot + 1);
  }
}

net::ip::address canonical(const net::ip::address& address) {
  if (address.is_v4()) return address;
  if (address.to_v6().is_v4_mapped()) return net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6());
  return net::ip::address_v6(address.to_v6().to_bytes());
}

std::optional<net::ip::address> address_of(std::string_view text) {
  if (text.find('%') != std::string_view::npos || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  boost::system::error_code error;
  const auto address = net::ip::make_address(std::string(text), error);
  return error ? std::nullopt : std::optional(canonical(address));
}

}  // namespace

Host::Host(const net::ip::address& address)
    : text_(canonical(address).to_string()), address_(canonical(address)) {}

Result<Host> Host::parse(std::string_view text, Wildcards wildcards) {
  if (text.size() > kMaxHostBytes + 1) return bad(text, "a host name longer than 253 bytes");
  if (const auto address = address_of(text)) return Host(*address);
  Host out;
  std::string_view name = text;
  if (name.ends_with('.')) name.remove_suffix(1);
  out.text_ = name;
  std::transform(out.text_.begin(), out.text_.end(), out.text_.begin(), lower_char);
  if (const char* fault = name_fault(out.text_, wildcards)) return bad(text, fault);
  return out;
}

std::string Host::in_url() const {
  return address_ && address_->is_v6() ? "[" + text_ + "]" : text_;
}

bool Host::is_localhost_name() const {
  return text_ == "localhost" || text_.ends_with(".localhost");
}

bool Host::is_this_machine() const {
  return address_ ? address_->is_loopback() : is_localhost_name();
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  if (digits.empty() || digits.size() > kMaxPortDigits || digits.front() == '0') return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return port;
}

Result<Authority> Authority::parse(std::string_view text, Wildcards wildcards, ZeroPort zero) {
  const bool bracketed = text.starts_with('[');
  const auto end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && end == std::string_view::npos) return bad(text, "a bracket that is not closed");
  const auto name = bracketed ? text.substr(1, end - 1) : text.substr(0, end);
  std::string_view rest = end == std::string_view::npos ? "" : text.substr(bracketed ? end + 1 : end);
  if (bracketed != (name.find(':') != std::string_view::npos)) return bad(text, "no valid address");
  auto host = Host::parse(name, wildcards);
  if (!host) return host.error();
  Authority out{std::move(*host), std::nullopt};
  if (rest.empty()) return out;
  if (!rest.starts_with(':')) return bad(text, "something between the address and the port");
  rest.remove_prefix(1);
  out.port = zero == ZeroPort::allowed && rest == "0" ? std::optional<std::uint16_t>(0) : parse_port(rest);
  if (!out.port) return bad(text, "no valid port, which is a number from 1 to 65535");
  return out;
}

std::string Authority::text() const {
  return port ? host_and_port(host, *port) : host.in_url();
}

std::string Authority::text_without(std::uint16_t usual) const {
  return port == usual ? host.in_url() : text();
}

std::string host_and_port(const Host& host, std::uint16_t port) {
  return host.in_url() + ":" + std::to_string(port);
}

}  // namespace cfpipe
