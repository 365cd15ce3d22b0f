#include "cli/options/parse_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "base/text.h"
#include "cli/options/idn.h"

namespace cfpipe::cli {
namespace {

using transport::Url;

constexpr std::string_view kPrefix = "cfpipe-";
/// Bytes of `https`.
constexpr std::size_t kLongestScheme = 5;
constexpr std::size_t kMaxHeaderBytes = 8 * 1024;
/// Of --ping-interval, in seconds. Edges close what has been idle for about 100.
constexpr int kMinPingSeconds = 1;
constexpr int kMaxPingSeconds = 90;

Failure bad_hostname(std::string_view text, std::string_view why) {
  return {Stage::input, Cause::bad_hostname, printable(text, 120) + ": " + std::string(why)};
}

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string_view without_blanks(std::string_view text) {
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

/// Schemes that the public client takes, none of which means anything here.
constexpr std::array<std::string_view, 6> kSchemes{"tcp://", "ssh://",  "rdp://",
                                                   "smb://", "http://", "https://"};

std::string_view without_scheme(std::string_view text) {
  for (const auto scheme : kSchemes)
    if (lower(text.substr(0, scheme.size())) == scheme) return text.substr(scheme.size());
  return text;
}

/// What --hostname means as text of a URL: any of the schemes, also with its `://` percent-encoded, is https;
/// an IPv6 address may stand without brackets. Names of our own blocks in ssh_config have a prefix.
std::string https_form(std::string text, bool strip_prefix) {
  constexpr std::string_view kEncoded = "%3a%2f%2f";
  if (const auto at = lower(text).find(kEncoded); at != std::string::npos && at <= kLongestScheme)
    text.replace(at, kEncoded.size(), "://");
  const std::string_view rest = without_scheme(text);
  if (rest.find("://") < rest.find_first_of("/?#")) return text;
  if (std::count(rest.begin(), rest.end(), ':') > 1 && Host::parse(rest))
    return "[" + std::string(rest) + "]";
  std::string out(rest);
  if (strip_prefix && lower(out.substr(0, kPrefix.size())) == kPrefix) out.erase(0, kPrefix.size());
  return rest.size() == text.size() ? out : "https://" + out;
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
  auto url = transport::parse_url(https_form(whole, !wildcards),
                                  wildcards ? Wildcards::allowed : Wildcards::refused);
  if (!url) {
    if (whole.find('*') != std::string::npos) return bad_hostname(text, "a wildcard names no single host");
    const auto& detail = url.error().detail;
    const auto colon = detail.rfind(": ");
    return bad_hostname(
        text, colon == std::string::npos ? "not a hostname" : std::string_view(detail).substr(colon + 2));
  }
  if (url->path().find("//") != std::string_view::npos)
    return bad_hostname(text, "an empty part in the path");
  return url;
}

Result<std::pair<std::string, std::string>> parse_header(std::string_view text) {
  const auto colon = text.find(':');
  const auto bad = [](std::string why) { return Failure(Stage::input, Cause::bad_header, std::move(why)); };
  if (text.size() > kMaxHeaderBytes) return bad("longer than 8 KiB");
  if (colon == std::string_view::npos) return bad("no colon in it");
  const auto name = without_blanks(text.substr(0, colon));
  const auto value = without_blanks(text.substr(colon + 1));
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
  // A path behind the port means nothing, as a scheme does.
  text = without_scheme(text);
  text = text.substr(0, text.find('/'));
  auto at = Authority::parse(text, Wildcards::refused, ZeroPort::allowed);
  if (!at || !at->port) return bad;
  address.host = std::move(at->host);
  address.port = *at->port;
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

Result<Authority> parse_connect_to(std::string_view text, const Url& url) {
  const auto bad = [](std::string why) {
    return Failure(Stage::input, Cause::bad_option, "--connect-to: " + std::move(why));
  };
  std::optional<std::uint16_t> port;
  if (!text.starts_with('[') && std::count(text.begin(), text.end(), ':') == 2) {
    const auto first = text.find(':');
    const auto second = text.rfind(':');
    const auto name = Host::parse(text.substr(0, first));
    if (!name || !(*name == url.host)) return bad("the name that TLS expects cannot be another one");
    port = parse_port(text.substr(first + 1, second - first - 1));
    if (!port) return bad("not host[:port]");
    text.remove_prefix(second + 1);
  }
  auto parsed = Authority::parse(text);
  if (!parsed || (port && parsed->port)) return bad("not host[:port]");
  if (port) parsed->port = port;
  return std::move(*parsed);
}

}  // namespace cfpipe::cli
