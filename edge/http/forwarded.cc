#include "edge/http/forwarded.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/host.h"
#include "base/text.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

/// What one proxy says of whom it was asked by.
struct Hop {
  std::string client;  ///< as it stands there, without quotes; empty: it does not say
  std::string protocol;
};
using Hops = std::vector<Hop>;

constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";

bool is_token_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         kTokenMarks.find(c) != std::string_view::npos;
}

/// Forwarded, piece by piece (RFC 7239 4).
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }
  bool at(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool take(char c) {
    if (!at(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string token() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_token_character);
    std::string out(rest_.begin(), end);
    rest_.remove_prefix(out.size());
    return out;
  }
  /// A token or a quoted string (RFC 9110 5.6.4). IPv6 has to be quoted, and often is not: brackets and
  /// colons are taken for a token's.
  std::optional<std::string> value() {
    std::string out;
    if (!take('"')) {
      const auto end = std::find_if_not(rest_.begin(), rest_.end(), [](char c) {
        return is_token_character(c) || c == '[' || c == ']' || c == ':';
      });
      out.assign(rest_.begin(), end);
      rest_.remove_prefix(out.size());
      if (out.empty()) return std::nullopt;
      return out;
    }
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return out;
      if (c == '\\') {
        if (rest_.empty()) return std::nullopt;
        out += rest_.front();
        rest_.remove_prefix(1);
      } else {
        out += c;
      }
    }
    return std::nullopt;
  }

 private:
  std::string_view rest_;
};

bool read_pair(Scanner& in, Hop& hop) {
  const std::string name = in.token();
  if (name.empty() || !in.take('=')) return false;
  auto value = in.value();
  if (!value) return false;
  std::string* const place =
      same_text(name, "for") ? &hop.client : (same_text(name, "proto") ? &hop.protocol : nullptr);
  if (place == nullptr) return true;
  if (!place->empty() || value->empty()) return false;
  *place = std::move(*value);
  return true;
}

/// Appends the elements of one field. False: it is malformed.
bool read_forwarded(std::string_view text, Hops& out) {
  Scanner in(text);
  for (;;) {
    in.skip_space();
    if (in.done()) return true;
    if (in.take(',')) continue;  // an empty element
    Hop& hop = out.emplace_back();
    do {
      in.skip_space();
      const bool empty = in.done() || in.at(';') || in.at(',');
      if (!empty && !read_pair(in, hop)) return false;
      in.skip_space();
    } while (in.take(';'));
    if (!in.done() && !in.take(',')) return false;
  }
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

void read_list(std::string_view text, std::vector<std::string>& out) {
  while (!text.empty()) {
    const auto one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    if (const auto item = trimmed(one); !item.empty()) out.emplace_back(item);
  }
}

/// `ADDRESS`, `ADDRESS:PORT`, `[V6]`, `[V6]:PORT`; IPv6 without brackets where there is no port.
std::optional<net::ip::address> address_of(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (host.find(':') == std::string_view::npos) return std::nullopt;
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    host = text.substr(0, text.find(':'));
    port = text.substr(host.size());
  }
  // What stands for a port may be hidden as well (RFC 7239 6).
  if (!port.empty() && (port.front() != ':' || port.size() == 1)) return std::nullopt;
  const auto parsed = Host::parse(host);
  if (!parsed) return std::nullopt;
  return parsed->address();
}

/// RFC 7239 6.2 and 6.3: whom the proxy was asked by is not to be known.
bool hidden(const std::string& client) {
  return client.empty() || client.front() == '_' || same_text(client, "unknown");
}

std::variant<ForwardedClient, std::string> client_of(const Hops& hops, const TrustedProxies& trusted,
                                                     const net::ip::address& proxy) {
  ForwardedClient out{proxy, true};
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    out.encrypted = !same_text(hop->protocol, "http") && !same_text(hop->protocol, "ws");
    if (hidden(hop->client)) break;
    const auto address = address_of(hop->client);
    if (!address) return "names a client that is no address";
    out.address = *address;
    if (!trusted.contains(*address)) break;
  }
  return out;
}

struct Said {
  Hops forwarded;
  Hops x_forwarded;
  std::vector<std::string> protocols;  ///< X-Forwarded-Proto
};

/// False: Forwarded is malformed.
bool collect(const Headers& headers, Said& out) {
  for (const auto& [name, value] : headers) {
    if (same_text(name, "Forwarded") && !read_forwarded(value, out.forwarded)) return false;
    if (same_text(name, "X-Forwarded-Proto")) read_list(value, out.protocols);
    if (!same_text(name, "X-Forwarded-For")) continue;
    std::vector<std::string> clients;
    read_list(value, clients);
    for (std::string& client : clients) out.x_forwarded.push_back({std::move(client), {}});
  }
  return true;
}

}  // namespace

std::variant<ForwardedClient, std::string> forwarded_client(const Headers& headers,
                                                            const TrustedProxies& trusted,
                                                            const net::ip::address& proxy) {
  Said said;
  if (!collect(headers, said)) return "Forwarded is malformed";
  auto by_forwarded = client_of(said.forwarded, trusted, proxy);
  if (const auto* fault = std::get_if<std::string>(&by_forwarded)) return "Forwarded " + *fault;
  auto by_list = client_of(said.x_forwarded, trusted, proxy);
  if (const auto* fault = std::get_if<std::string>(&by_list)) return "X-Forwarded-For " + *fault;
  auto& out = std::get<ForwardedClient>(said.x_forwarded.empty() ? by_forwarded : by_list);
  if (!said.forwarded.empty() && !said.x_forwarded.empty()) {
    if (std::get<ForwardedClient>(by_forwarded).address != out.address)
      return "Forwarded and X-Forwarded-For name different clients";
    out.encrypted = std::get<ForwardedClient>(by_forwarded).encrypted;
  }
  // The proxy that the client spoke to comes first.
  if (!said.protocols.empty() &&
      (same_text(said.protocols.front(), "http") || same_text(said.protocols.front(), "ws")))
    out.encrypted = false;
  return out;
}

}  // namespace cfpipe::edge
