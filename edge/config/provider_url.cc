#include "edge/config/provider_url.h"

#include "base/text.h"
#include "edge/config/config.h"

namespace cfpipe::edge {
namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kHttp = "http://";
constexpr std::uint16_t kHttpPort = 80;

Failure bad(std::string why) {
  return {Stage::input, Cause::bad_url, std::move(why)};
}

bool starts_with(std::string_view text, std::string_view scheme) {
  return same_text(text.substr(0, scheme.size()), scheme);
}

}  // namespace

std::string ProviderUrl::authority() const {
  if (!plain) return url.authority();
  return url.port == kHttpPort ? url.host.in_url() : host_and_port(url.host, url.port);
}

std::string ProviderUrl::str() const {
  return std::string(plain ? kHttp : kHttps) + authority() + url.target;
}

std::string ProviderUrl::with_query(std::string_view query) const {
  std::string out = str();
  out += url.target.find('?') == std::string::npos ? '?' : '&';
  return out.append(query);
}

Result<ProviderUrl> parse_provider_url(std::string_view text) {
  ProviderUrl out;
  out.plain = starts_with(text, kHttp);
  if (!out.plain && !starts_with(text, kHttps)) return bad("is not an https URL");
  const std::string_view rest = text.substr(out.plain ? kHttp.size() : kHttps.size());
  auto url = transport::parse_url(std::string(kHttps) + std::string(rest));
  if (!url) return bad("is not a URL");
  out.url = std::move(*url);
  if (!out.plain) return out;
  const auto named = Authority::parse(rest.substr(0, rest.find_first_of("/?#")));
  if (!named || !named->port) out.url.port = kHttpPort;
  if (!out.url.host.is_this_machine()) return bad("is an http URL of another machine");
  return out;
}

}  // namespace cfpipe::edge
