#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "cli/idn.h"
#include "cli/options.h"

namespace cfpipe::cli {
namespace {

using transport::Cause;
using transport::Failure;
using transport::Stage;
using transport::Url;

constexpr std::string_view kPrefix = "cfpipe-";
constexpr std::size_t kMaxHeaderBytes = 8 * 1024;
/// Of --ping-interval, in seconds. Edges close what has been idle for about 100.
constexpr int kMinPingSeconds = 1;
constexpr int kMaxPingSeconds = 90;

Failure bad_hostname(std::string_view text, std::string_view why) {
  return {Stage::input, Cause::bad_hostname, transport::printable(text, 120) + ": " + std::string(why)};
}

bool has_long_label(std::string_view host) {
  std::size_t length = 0;
  for (const char c : host) {
    length = c == '.' ? 0 : length + 1;
    if (length > kMaxLabelBytes) return true;
  }
  return false;
}

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Headers that the handshake itself is made of.
bool is_ours(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kNames{"host", "connection", "upgrade", "content-length",
                                                          "transfer-encoding"};
  const std::string small = lower(name);
  return small.starts_with("sec-websocket-") ||
         std::find(kNames.begin(), kNames.end(), small) != kNames.end();
}

}  // namespace

Result<Url> parse_hostname(std::string_view text, bool wildcards) {
  std::string whole(text);
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    // The prefix is no part of the label that it stands in front of.
    const auto scheme = whole.find("://");
    const auto from = scheme == std::string::npos ? 0 : scheme + 3;
    if (!wildcards && whole.compare(from, kPrefix.size(), kPrefix) == 0) whole.erase(from, kPrefix.size());
    auto ascii = to_ascii(whole);
    if (!ascii) return ascii.error();
    whole = std::move(*ascii);
  }
  if (whole.starts_with("http://")) whole.replace(0, 7, "https://");
  auto url = transport::parse_url(whole);
  if (!url) {
    const auto& detail = url.error().detail;
    const auto colon = detail.rfind(": ");
    return bad_hostname(
        text, colon == std::string::npos ? "not a hostname" : std::string_view(detail).substr(colon + 2));
  }
  if (url->path().find("//") != std::string_view::npos)
    return bad_hostname(text, "an empty part in the path");
  if (wildcards) return url;
  if (url->host.starts_with(kPrefix)) url->host.erase(0, kPrefix.size());
  if (url->host.empty() || url->host[0] == '.' || url->host[0] == '-')
    return bad_hostname(text, "no valid host name");
  if (url->host.find('*') != std::string::npos) return bad_hostname(text, "a wildcard names no single host");
  if (has_long_label(url->host)) return bad_hostname(text, "a part of the name is longer than 63 bytes");
  return url;
}

Result<std::pair<std::string, std::string>> parse_header(std::string_view text) {
  const auto colon = text.find(':');
  const auto bad = [](std::string why) { return Failure(Stage::input, Cause::bad_header, std::move(why)); };
  if (text.size() > kMaxHeaderBytes) return bad("longer than 8 KiB");
  if (colon == std::string_view::npos) return bad("no colon in it");
  const auto name = trimmed(text.substr(0, colon));
  const auto value = trimmed(text.substr(colon + 1));
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_token_character)) return bad("no valid name");
  if (is_ours(name)) return bad(std::string(name) + " is part of the handshake");
  const bool clean = std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
  if (!clean) return bad("a control character in the value of " + std::string(name));
  return std::pair(std::string(name), std::string(value));
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  // The schemes of the public client; none of them means anything here, nor does a path behind the port.
  static constexpr std::array<std::string_view, 6> kSchemes{"tcp://", "ssh://",  "rdp://",
                                                            "smb://", "http://", "https://"};
  const Failure bad = {Stage::input, Cause::bad_option,
                       "--url takes host:port, e.g. 127.0.0.1:2222, or unix:/path"};
  ListenAddress address;
  if (text.starts_with("unix:")) {
    text.remove_prefix(5);
    if (text.starts_with("//")) text.remove_prefix(2);
    if (!text.starts_with('/') || text.ends_with('/') || text.find('\0') != text.npos) return bad;
    address.socket_path = text;
    return address;
  }
  for (const auto scheme : kSchemes) {
    if (!text.starts_with(scheme)) continue;
    text.remove_prefix(scheme.size());
    break;
  }
  text = text.substr(0, text.find('/'));
  const auto colon = text.rfind(':');
  if (colon == text.npos) return bad;
  const auto digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (error != std::errc() || end != digits.data() + digits.size()) return bad;
  const auto host = text.substr(0, colon);
  const auto url = transport::parse_url(host);
  const bool has_port = host.find(':') != host.npos && !host.ends_with(']');
  if (has_port || !url || url->target != "/") return bad;
  address.host = url->host;
  return address;
}

Result<std::chrono::milliseconds> parse_ping_interval(std::string_view text) {
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool number = error == std::errc() && end == text.data() + text.size();
  if (!number || seconds < kMinPingSeconds || seconds > kMaxPingSeconds)
    return Failure(Stage::input, Cause::bad_option, "--ping-interval takes seconds, from 1 to 90");
  return std::chrono::seconds(seconds);
}

Result<std::string> parse_connect_to(std::string_view text, const Url& url) {
  const auto bad = [](std::string why) {
    return Failure(Stage::input, Cause::bad_option, "--connect-to: " + std::move(why));
  };
  std::string target(text);
  const bool bracketed = text.starts_with('[');
  if (!bracketed && std::count(text.begin(), text.end(), ':') == 2) {
    const auto first = text.find(':');
    const auto second = text.rfind(':');
    if (lower(text.substr(0, first)) != url.host)
      return bad("the name that TLS expects cannot be another one");
    target = std::string(text.substr(second + 1)) + std::string(text.substr(first, second - first));
  }
  auto parsed = transport::parse_url(target);
  if (!parsed || parsed->target != "/" || target.find('/') != std::string::npos)
    return bad("not host[:port]");
  return target;
}

}  // namespace cfpipe::cli
