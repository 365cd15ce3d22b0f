#include "transport/proxy.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <optional>

#include "transport/url.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace urls = boost::urls;
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;
constexpr std::uint16_t kSocksPort = 1080;

struct Scheme {
  std::string_view name;
  ProxyKind kind;
  std::uint16_t port;
};
constexpr Scheme kSchemes[] = {{"http", ProxyKind::http, kHttpPort},
                               {"https", ProxyKind::https, kHttpsPort},
                               {"socks5", ProxyKind::socks5, kSocksPort},
                               {"socks5h", ProxyKind::socks5h, kSocksPort}};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

bool fit_for_a_login(std::string_view text) {
  return text.size() <= kMaxProxyLoginBytes && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

std::optional<std::uint16_t> port_of(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<net::ip::address> address_of(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  boost::system::error_code error;
  const auto address = net::ip::make_address(std::string(text), error);
  return error ? std::nullopt : std::optional(address);
}

bool in_network(std::string_view network, const net::ip::address& address) {
  boost::system::error_code error;
  if (address.is_v4()) {
    const auto v4 = net::ip::make_network_v4(std::string(network), error);
    if (error) return false;
    return net::ip::network_v4(address.to_v4(), v4.prefix_length()).canonical() == v4.canonical();
  }
  const auto v6 = net::ip::make_network_v6(std::string(network), error);
  if (error) return false;
  return net::ip::network_v6(address.to_v6(), v6.prefix_length()).canonical() == v6.canonical();
}

// Of one entry its port, which is cut off: `name:port`, `1.2.3.4:port`, `[::1]:port`, but not `::1`. False:
// no port that there can be.
bool take_port(std::string_view& entry, std::optional<std::uint16_t>& port) {
  const auto colon = entry.rfind(':');
  if (colon == std::string_view::npos || entry.ends_with(']')) return true;
  const bool bare_v6 = entry.find(':') != colon && !entry.starts_with('[');
  if (bare_v6) return true;
  port = port_of(entry.substr(colon + 1));
  entry = entry.substr(0, colon);
  return port.has_value();
}

bool name_matches(std::string_view entry, std::string_view host) {
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  if (entry.ends_with('.')) entry.remove_suffix(1);
  const bool below_only = entry.starts_with('.');
  if (!below_only && host == entry) return true;
  const std::string suffix = below_only ? std::string(entry) : "." + std::string(entry);
  return suffix.size() > 1 && host.size() > suffix.size() && host.ends_with(suffix);
}

bool entry_matches(std::string_view entry, const std::string& host,
                   const std::optional<net::ip::address>& address, std::uint16_t port) {
  if (entry == "*") return true;
  if (entry.find('/') != std::string_view::npos) return address && in_network(entry, *address);
  std::optional<std::uint16_t> only;
  if (!take_port(entry, only) || (only && *only != port)) return false;
  if (address) {
    const auto listed = address_of(entry);
    return listed && *listed == *address;
  }
  return name_matches(lower(entry), host);
}

}  // namespace

std::string Proxy::authority() const {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::string Proxy::shown() const {
  std::string out;
  for (const auto& scheme : kSchemes) {
    if (scheme.kind == kind) out = scheme.name;
  }
  return out + "://" + authority();
}

Result<Proxy> parse_proxy(std::string_view text, std::string_view source) {
  const auto bad = [source](std::string_view why) {
    return Failure(Stage::input, Cause::bad_option,
                   std::string(source) +
                       " takes http://[user:password@]host:port, https://..., socks5://... or " +
                       "socks5h://...: " + std::string(why));
  };
  if (text.empty() || text.size() > kMaxUrlBytes) return bad("it is empty or too long");
  std::string whole(text);
  if (text.find("://") == std::string_view::npos) whole.insert(0, "http://");
  const auto parsed = urls::parse_uri(whole);
  if (!parsed) return bad("it is no URL; in a password % is written as %25, @ as %40, : as %3A, / as %2F");
  Proxy proxy;
  const auto* const scheme =
      std::find_if(std::begin(kSchemes), std::end(kSchemes),
                   [name = lower(parsed->scheme())](const Scheme& one) { return one.name == name; });
  if (scheme == std::end(kSchemes)) return bad("no other scheme is spoken");
  if (parsed->encoded_path().size() > 1 || parsed->has_query() || parsed->has_fragment())
    return bad("there is nothing behind the port");
  // What may be a host is decided in one place.
  const auto host = parse_url(std::string(parsed->encoded_host_and_port()));
  if (!host) return bad("it names no valid host and port");
  proxy.kind = scheme->kind;
  proxy.host = host->host;
  proxy.port = parsed->has_port() ? host->port : scheme->port;
  proxy.user = parsed->user();
  proxy.password = Secret(parsed->password());
  if (!fit_for_a_login(proxy.user) || !fit_for_a_login(proxy.password.reveal()))
    return bad("user name and password have at most 255 bytes, and no control characters");
  if (proxy.user.find(':') != std::string::npos) return bad("a user name holds no colon");
  if (!proxy.has_login() && !proxy.password.empty()) return bad("a password without a user name");
  return proxy;
}

bool listed_in_no_proxy(std::string_view list, std::string_view host, std::uint16_t port) {
  const std::string name = lower(host);
  const auto address = address_of(name);
  constexpr std::string_view kBetween = ", \t";
  while (!list.empty()) {
    const auto start = list.find_first_not_of(kBetween);
    if (start == std::string_view::npos) return false;
    list.remove_prefix(start);
    const auto entry = list.substr(0, list.find_first_of(kBetween));
    if (entry_matches(entry, name, address, port)) return true;
    list.remove_prefix(entry.size());
  }
  return false;
}

bool is_this_machine(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  const auto address = address_of(host);
  return address && address->is_loopback();
}

bool ProxySettings::covers(std::string_view host, std::uint16_t port) const {
  if (!this_machine_too && is_this_machine(host)) return false;
  return !listed_in_no_proxy(no_proxy, host, port);
}

}  // namespace cfpipe::transport
