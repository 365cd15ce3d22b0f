#include "transport/net/url.h"

#include <algorithm>
#include <optional>

namespace cfpipe::transport {
namespace {

/// Longest refused text that a message repeats, in bytes.
constexpr std::size_t kShownBytes = 120;

Failure bad(std::string_view text, std::string_view why) {
  return {Stage::input, Cause::bad_url, printable(text, kShownBytes) + ": " + std::string(why)};
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool has_control_or_space(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f || byte == '\\';
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// The byte of an escape at `at`, or -1.
int escaped_byte(std::string_view text, std::size_t at) {
  if (text[at] != '%' || at + 2 >= text.size()) return -1;
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// pchar and `/` (RFC 3986 3.3), and what else `also` names.
bool is_encoded(std::string_view text, std::string_view also) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (escaped_byte(text, i) < 0) return false;
      i += 2;
    } else if (!is_letter(c) && !is_digit(c) &&
               std::string_view("-._~!$&'()*+,;=:@/").find(c) == std::string_view::npos &&
               also.find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int byte = escaped_byte(text, i);
    if (byte < 0) {
      out.push_back(text[i]);
    } else {
      out.push_back(static_cast<char>(byte));
      i += 2;
    }
  }
  return out;
}

bool has_dot_dot_segment(std::string_view path) {
  for (;;) {
    const auto slash = path.find('/');
    if (decoded(path.substr(0, slash)) == "..") return true;
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
}

/// What stands in front of `:`, if that is a scheme (RFC 3986 3.1).
std::optional<std::string> scheme_of(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_letter(text.front())) return std::nullopt;
  const auto scheme = text.substr(0, colon);
  const bool valid = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
  return valid ? std::optional(lower(scheme)) : std::nullopt;
}

/// Path and query of a reference; the fragment is dropped.
struct Tail {
  std::string path;
  std::optional<std::string> query;
};
Tail tail_of(std::string_view text) {
  text = text.substr(0, text.find('#'));
  const auto question = text.find('?');
  Tail out{std::string(text.substr(0, question)), std::nullopt};
  if (question != std::string_view::npos) out.query = text.substr(question + 1);
  return out;
}

// RFC 3986 5.2.4, for a path that begins with '/'.
std::string without_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto slash = path.find('/');
    const auto segment = path.substr(0, slash);
    const bool last = slash == std::string_view::npos;
    if (segment == "..") out.erase(std::min(out.rfind('/'), out.size()));
    if (segment != "." && segment != "..") {
      out += '/';
      out += segment;
    } else if (last) {
      out += '/';
    }
    path.remove_prefix(last ? path.size() : slash);
  }
  return out;
}

Result<Url> made_of(std::string_view text, Authority authority, Tail tail) {
  if (tail.path.empty()) tail.path = "/";
  if (!tail.path.starts_with('/') || !is_encoded(tail.path, "") ||
      !is_encoded(tail.query.value_or(""), "?[]"))
    return bad(text, "not a URL");
  if (has_dot_dot_segment(tail.path)) return bad(text, "a path with '..'");
  Url out;
  out.host = std::move(authority.host);
  out.port = authority.port_or(out.port);
  out.target = std::move(tail.path);
  if (tail.query) out.target += "?" + *tail.query;
  return out;
}

// `rest` is what stands behind `//`.
Result<Url> from_authority(std::string_view text, std::string_view rest, bool clean_path,
                           Wildcards wildcards) {
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  const auto named = rest.substr(0, end);
  if (named.find('@') != std::string_view::npos) return bad(text, "must not hold a user name or password");
  auto authority = Authority::parse(named, wildcards);
  if (!authority) return authority.error();
  Tail tail = tail_of(rest.substr(end));
  if (clean_path) tail.path = without_dot_segments(tail.path);
  return made_of(text, std::move(*authority), std::move(tail));
}

}  // namespace

std::string Url::authority() const {
  return port == kHttpsPort ? host.in_url() : host_and_port(host, port);
}

std::string Url::str() const {
  return "https://" + authority() + target;
}

std::string_view Url::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string Url::query(std::string_view key) const {
  const auto question = target.find('?');
  if (question == std::string::npos) return {};
  std::string text = target.substr(question + 1);
  std::replace(text.begin(), text.end(), '+', ' ');
  for (std::string_view rest = text;;) {
    const auto end = rest.find('&');
    const auto parameter = rest.substr(0, end);
    const auto equals = std::min(parameter.find('='), parameter.size());
    if (decoded(parameter.substr(0, equals)) == key)
      return decoded(parameter.substr(std::min(equals + 1, parameter.size())));
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
}

Result<Url> parse_url(std::string_view text, Wildcards wildcards) {
  if (text.empty() || text.size() > kMaxUrlBytes) return bad(text, "empty or too long");
  if (has_control_or_space(text)) return bad(text, "a space, backslash or control character");
  const auto colon = text.find("://");
  if (colon == std::string_view::npos || colon > text.find_first_of("/?#")) {
    const auto behind = text.find_first_of("/?#");
    if (behind != std::string_view::npos && text[behind] != '/')
      return bad(text, "a host name with '?' or '#' in it");
    return from_authority(text, text, false, wildcards);
  }
  const auto scheme = scheme_of(text);
  if (scheme != "https" && scheme != "wss") return bad(text, "only https is spoken");
  return from_authority(text, text.substr(colon + 3), false, wildcards);
}

Result<Url> resolve_url(const Url& base, std::string_view location) {
  if (location.empty() || location.size() > kMaxUrlBytes || has_control_or_space(location))
    return bad(location, "not a redirect target");
  if (const auto scheme = scheme_of(location)) {
    constexpr std::string_view kStart = "https://";
    if (*scheme != "https") return bad(location, "only https is spoken");
    if (lower(location.substr(0, kStart.size())) != kStart) return bad(location, "not a redirect target");
    return from_authority(location, location.substr(kStart.size()), true, Wildcards::refused);
  }
  if (location.starts_with("//"))
    return from_authority(location, location.substr(2), true, Wildcards::refused);
  Tail tail = tail_of(location);
  Tail own = tail_of(base.target);
  if (tail.path.empty()) {
    tail.path = own.path;
    if (!tail.query) tail.query = own.query;
  } else if (!tail.path.starts_with('/')) {
    tail.path = own.path.substr(0, own.path.rfind('/') + 1) + tail.path;
  }
  tail.path = without_dot_segments(tail.path);
  return made_of(location, {base.host, base.port}, std::move(tail));
}

std::string percent_encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  return is_encoded(text, "?[]") ? std::optional(decoded(text)) : std::nullopt;
}

}  // namespace cfpipe::transport
