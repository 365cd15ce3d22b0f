#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/host.h"
#include "base/ip_range.h"
#include "transport/net/lookups.h"

namespace cfpipe::connector {

/// Most entries of a list.
inline constexpr std::size_t kMaxAllowedOrigins = 1'024;

/// An entry of `origins`: what a tunnel may lead to. `127.0.0.1:22`, `[::1]:22`, `10.0.0.0/24:22`,
/// `[fd00::/8]:22`, `name.internal:22`, `*.internal:22` (one label for each `*`), `localhost:22` (loopback,
/// RFC 6761 6.3).
struct AllowedOrigin {
  std::optional<IpRange> range;  ///< none: `name` is one
  Host name;                     ///< perhaps a pattern
  std::uint16_t port = 0;
  std::string text;  ///< as it was written

  /// Nothing: the text is none.
  static std::optional<AllowedOrigin> parse(std::string_view text);
  /// What it names, unless that is a range or a pattern.
  std::optional<Authority> single() const;
  /// Whether the entry itself names that address and port.
  bool names(const boost::asio::ip::tcp::endpoint& endpoint) const;
};

/// The connector's own list of what tunnels may lead to, whatever the edge asks for. What is checked are the
/// addresses that are dialled.
class AllowList {
 public:
  /// sshd of this machine: 127.0.0.1:22 and [::1]:22.
  AllowList();
  explicit AllowList(std::vector<AllowedOrigin> entries) : entries_(std::move(entries)), preset_(false) {}
  /// Nothing was listed: one of the two addresses is enough.
  bool is_preset() const { return preset_; }

  /// How the addresses of an origin are found. `none`: no entry can allow it. `exact`: without the search
  /// domains of resolv.conf(5), since the edge has a part in that name. `as_listed`: as this machine's
  /// programs look it up, since an entry has the very name.
  enum class Lookup { none, exact, as_listed };
  Lookup lookup(const Host& host, std::uint16_t port) const;
  /// Those of the addresses that a tunnel to `host` may be dialled at. Loopback and link-local addresses are
  /// among them only where a range of that kind, or `localhost`, is listed; unspecified ones never.
  transport::Endpoints allowed(const Host& host, const transport::Endpoints& found) const;

  /// Whether an entry has that name, or a pattern that it matches.
  bool names(const Host& host, std::uint16_t port) const;
  const std::vector<AllowedOrigin>& entries() const { return entries_; }

 private:
  std::vector<AllowedOrigin> entries_;
  bool preset_ = true;
};

}  // namespace cfpipe::connector
