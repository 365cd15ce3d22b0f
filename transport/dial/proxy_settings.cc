#include "transport/dial/proxy_settings.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "base/text.h"
#include "transport/net/url.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kSocksPort = 1080;

constexpr std::string_view kNoUrl =
    "it is no URL; in a password % is written as %25, @ as %40, : as %3A, / as %2F";

struct Scheme {
  std::string_view name;
  ProxyKind kind;
  std::uint16_t port;
};
constexpr Scheme kSchemes[] = {{"http", ProxyKind::http, kHttpPort},
                               {"https", ProxyKind::https, kHttpsPort},
                               {"socks", ProxyKind::socks5h, kSocksPort},
                               {"socks5", ProxyKind::socks5, kSocksPort},
                               {"socks5h", ProxyKind::socks5h, kSocksPort}};

bool fit_for_a_login(std::string_view text) {
  return text.size() <= kMaxProxyLoginBytes && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
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

/// What one entry is about: a host, or the names below it.
struct Listed {
  Authority at;
  bool below_only = false;
};
Result<Listed> listed(std::string_view entry) {
  Listed out;
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  if (entry.starts_with('.')) {
    out.below_only = true;
    entry.remove_prefix(1);
  }
  if (std::count(entry.begin(), entry.end(), ':') > 1 && !entry.starts_with('[')) {
    auto host = Host::parse(entry);
    if (!host) return host.error();
    out.at.host = std::move(*host);
    return out;
  }
  auto at = Authority::parse(entry);
  if (!at) return at.error();
  out.at = std::move(*at);
  return out;
}

bool entry_matches(std::string_view entry, const Host& host, std::uint16_t port) {
  if (entry == "*") return true;
  if (entry.find('/') != std::string_view::npos) return host.address() && in_network(entry, *host.address());
  const auto about = listed(entry);
  if (!about || about->at.port_or(port) != port) return false;
  if (!about->below_only && about->at.host == host) return true;
  return !host.address() && !about->at.host.address() && host.text().ends_with("." + about->at.host.text());
}

}  // namespace

std::string Proxy::authority() const {
  return host_and_port(host, port);
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
  const auto colon = text.find("://");
  const std::string name = colon == std::string_view::npos ? "http" : lower(text.substr(0, colon));
  std::string_view rest = colon == std::string_view::npos ? text : text.substr(colon + 3);
  const auto* const scheme = std::find_if(std::begin(kSchemes), std::end(kSchemes),
                                          [&](const Scheme& one) { return one.name == name; });
  if (scheme == std::end(kSchemes)) return bad("no other scheme is spoken");
  if (rest.ends_with('/')) rest.remove_suffix(1);
  Proxy proxy;
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    const auto login = rest.substr(0, at);
    const auto divider = std::min(login.find(':'), login.size());
    const auto user = percent_decode(login.substr(0, divider));
    auto password = percent_decode(login.substr(std::min(divider + 1, login.size())));
    if (!user || !password) return bad(kNoUrl);
    proxy.user = *user;
    proxy.password = Secret(std::move(*password));
    rest.remove_prefix(at + 1);
  }
  if (rest.find('@') != std::string_view::npos) return bad(kNoUrl);
  if (rest.find_first_of("/?#") != std::string_view::npos) return bad("there is nothing behind the port");
  auto place = Authority::parse(rest);
  if (!place) return bad("it names no valid host and port");
  proxy.kind = scheme->kind;
  proxy.port = place->port_or(scheme->port);
  proxy.host = std::move(place->host);
  if (!fit_for_a_login(proxy.user) || !fit_for_a_login(proxy.password.reveal()))
    return bad("user name and password have at most 255 bytes, and no control characters");
  if (proxy.user.find(':') != std::string::npos) return bad("a user name holds no colon");
  if (!proxy.has_login() && !proxy.password.empty()) return bad("a password without a user name");
  return proxy;
}

bool listed_in_no_proxy(std::string_view list, const Host& host, std::uint16_t port) {
  constexpr std::string_view kBetween = ", \t";
  while (!list.empty()) {
    const auto start = list.find_first_not_of(kBetween);
    if (start == std::string_view::npos) return false;
    list.remove_prefix(start);
    const auto entry = list.substr(0, list.find_first_of(kBetween));
    if (entry_matches(entry, host, port)) return true;
    list.remove_prefix(entry.size());
  }
  return false;
}

std::string no_proxy_of(const EnvironmentLookup& environment) {
  for (const char* name : {"NO_PROXY", "no_proxy"}) {
    const char* value = environment(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

std::shared_ptr<const ProxySettings> proxy_of_environment(const EnvironmentLookup& environment) {
  for (const char* name : {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"}) {
    const char* value = environment(name);
    if (value == nullptr || *value == '\0') continue;
    auto settings = std::make_shared<ProxySettings>();
    auto proxy = parse_proxy(value, name);
    if (proxy) {
      settings->proxy = std::move(*proxy);
    } else {
      settings->fault = Failure(Stage::config, Cause::proxy_unusable, proxy.error().detail);
    }
    settings->no_proxy = no_proxy_of(environment);
    return settings;
  }
  return nullptr;
}

bool ProxySettings::covers(const Host& host, std::uint16_t port) const {
  if (!this_machine_too && host.is_this_machine()) return false;
  return !listed_in_no_proxy(no_proxy, host, port);
}

}  // namespace cfpipe::transport
