#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/host.h"
#include "base/secret.h"

namespace cfpipe::transport {

/// Protocol of a proxy: HTTP CONNECT (RFC 9110 9.3.6), in the clear or over TLS; or SOCKS 5 (RFC 1928),
/// where this machine looks up the name (socks5) or the proxy does (socks5h).
enum class ProxyKind { http, https, socks5, socks5h };

/// Longest user name and password, in bytes each (RFC 1929 2).
inline constexpr std::size_t kMaxProxyLoginBytes = 255;

struct Proxy {
  ProxyKind kind = ProxyKind::http;
  Host host;
  std::uint16_t port = 0;
  std::string user;  ///< empty: no login is offered
  Secret password;

  bool has_login() const { return !user.empty(); }
  std::string authority() const;  ///< host:port, IPv6 in brackets
  std::string shown() const;      ///< scheme://host:port, never the login
};

/// `[scheme://][user[:password]@]host[:port]`, user and password percent-encoded. The scheme is http unless
/// said (`socks` is socks5h), ports are 80, 443 and 1080. `source` names where the text is from; the text
/// itself never shows in a failure, which is Stage::input, Cause::bad_option.
Result<Proxy> parse_proxy(std::string_view text, std::string_view source);

/// Whether a list like $NO_PROXY excludes this host: names (they and what is below them; with a leading `.`
/// or `*.` only what is below them), addresses, networks as `10.0.0.0/8`, each with a `:port` if it is about
/// that one alone, or `*` for all; separated by commas or blanks. A malformed entry excludes nothing.
bool listed_in_no_proxy(std::string_view list, const Host& host, std::uint16_t port);

/// A proxy and the hosts that are reached through it.
struct ProxySettings {
  Proxy proxy;
  std::string no_proxy;
  bool this_machine_too = false;  ///< also Host::is_this_machine(): the user asked for it
  std::optional<Failure> fault;   ///< why `proxy` is invalid: hosts that it covers are not dialled

  bool covers(const Host& host, std::uint16_t port) const;
};

/// The value of a variable of the environment, or null.
using EnvironmentLookup = std::function<const char*(const char*)>;

/// $NO_PROXY, else $no_proxy; empty: neither is set.
std::string no_proxy_of(const EnvironmentLookup& environment);
/// The proxy of the first variable that is set of $HTTPS_PROXY, $https_proxy, $ALL_PROXY and $all_proxy, as
/// curl and the public client read them; null if none is set. A malformed value becomes the `fault` of the
/// settings, since a command that uses no proxy need not fail.
std::shared_ptr<const ProxySettings> proxy_of_environment(const EnvironmentLookup& environment);

}  // namespace cfpipe::transport
