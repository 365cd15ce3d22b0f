#include "transport/url.h"

#include <algorithm>
#include <boost/url/ipv6_address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>

namespace cfpipe::transport {
namespace urls = boost::urls;
namespace {

Failure bad(std::string_view text, const char* why) {
  return {Stage::input, Cause::bad_url, printable(text, 120) + ": " + why};
}

bool has_control_or_space(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f || byte == '\\';
  });
}

bool has_dot_dot_segment(const urls::url_view& url) {
  for (const auto& segment : url.segments()) {
    if (segment == "..") return true;
  }
  return false;
}

// Letters, digits, '-', '_' and dots between non-empty labels; or an IPv6 literal, which Boost.URL has
// checked.
bool plausible_host(std::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes || host.front() == '.' || host.front() == '-') return false;
  if (host.find("..") != std::string_view::npos) return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '*';
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

Result<Url> from_view(const urls::url_view& url, std::string_view text) {
  if (url.has_userinfo()) return bad(text, "must not hold a user name or password");
  Url out;
  if (url.host_type() == urls::host_type::ipv6) {
    out.host = lower(std::string(url.host_ipv6_address().to_string()));
  } else {
    out.host = lower(url.host());
    if (!out.host.empty() && out.host.back() == '.') out.host.pop_back();
    if (!plausible_host(out.host)) return bad(text, "no valid host name");
  }
  if (url.has_port()) {
    if (url.port_number() == 0) return bad(text, "no valid port");
    out.port = url.port_number();
  }
  if (has_dot_dot_segment(url)) return bad(text, "a path with '..'");
  out.target = std::string(url.encoded_path());
  if (out.target.empty()) out.target = "/";
  if (url.has_query()) out.target += "?" + std::string(url.encoded_query());
  return out;
}

}  // namespace

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != 443) out += ":" + std::to_string(port);
  return out;
}

std::string Url::str() const {
  return "https://" + authority() + target;
}

std::string_view Url::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string Url::query(std::string_view key) const {
  const auto parsed = urls::parse_origin_form(target);
  if (!parsed) return {};
  for (const auto& parameter : parsed->params()) {
    if (parameter.key == key) return parameter.value;
  }
  return {};
}

Result<Url> parse_url(std::string_view text) {
  if (text.empty() || text.size() > kMaxUrlBytes) return bad(text, "empty or too long");
  if (has_control_or_space(text)) return bad(text, "a space, backslash or control character");
  std::string whole(text);
  if (text.find("://") == std::string_view::npos) whole = "https://" + whole;
  const auto parsed = urls::parse_uri(whole);
  if (!parsed) return bad(text, "not a URL");
  const std::string scheme = lower(parsed->scheme());
  if (scheme != "https" && scheme != "wss") return bad(text, "only https is spoken");
  return from_view(*parsed, text);
}

Result<Url> resolve_url(const Url& base, std::string_view location) {
  if (location.empty() || location.size() > kMaxUrlBytes || has_control_or_space(location)) {
    return bad(location, "not a redirect target");
  }
  const std::string base_text = base.str();
  const auto base_view = urls::parse_uri(base_text);
  const auto reference_view = urls::parse_uri_reference({location.data(), location.size()});
  if (!base_view || !reference_view) return bad(location, "not a redirect target");
  urls::url resolved;
  if (const auto done = urls::resolve(*base_view, *reference_view, resolved); !done) {
    return bad(location, "not a redirect target");
  }
  if (resolved.scheme() != "https") return bad(location, "only https is spoken");
  return from_view(resolved, location);
}

std::string percent_encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

}  // namespace cfpipe::transport
