// Hosts, authorities and URLs as strangers write them: parse, print, parse is the identity or a refusal.
#include "transport/net/url.h"

#include "edge/config/provider_url.h"
#include "edge/http/request_rules.h"
#include "fuzz.h"
#include "transport/dial/proxy_settings.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::transport;

void check_host(std::string_view text, Wildcards wildcards) {
  const auto host = Host::parse(text, wildcards);
  if (!host) return;
  require(!host->empty() && host->text().size() <= kMaxHostBytes, "a host has 1 to 253 bytes");
  require(wildcards == Wildcards::allowed || !host->is_pattern(), "a pattern only where it is allowed");
  const auto again = Host::parse(host->text(), wildcards);
  require(again && *again == *host && again->address() == host->address(), "a host prints as itself");
  if (host->address()) require(Host(*host->address()) == *host, "an address has one spelling");
}

void check_authority(std::string_view text) {
  const auto authority = Authority::parse(text);
  if (!authority) return;
  const auto again = Authority::parse(authority->text());
  require(again && *again == *authority, "an authority prints as itself");
  const auto shorter = Authority::parse(authority->text_without(kHttpsPort));
  require(shorter && shorter->port_or(kHttpsPort) == authority->port_or(kHttpsPort),
          "only the usual port is left out");
}

void check_request_authority(std::string_view text) {
  const auto authority = cfpipe::edge::request_authority(text);
  if (!authority) return;
  const auto again = cfpipe::edge::request_authority(authority->text());
  require(again && *again == *authority, "a request's authority prints as itself");
}

void check_url(const Result<Url>& url, Wildcards wildcards) {
  if (!url) return;
  require(!url->host.empty() && url->port != 0 && url->target.starts_with('/'), "a URL has its parts");
  const auto text = url->str();
  for (const char c : text) require(c > ' ' && c != 0x7f && c != '\\' && c != '#', "a URL is printable");
  require(url->path().find("/../") == std::string_view::npos, "no segment leads upwards");
  if (text.size() > kMaxUrlBytes) return;  // the scheme was added
  const auto again = parse_url(text, wildcards);
  require(again && *again == *url && again->str() == text, "a URL prints as itself");
  (void)url->query("token");
}

void check_redirect(std::string_view base, std::string_view location) {
  const auto from = parse_url(base);
  if (!from) return;
  const auto to = resolve_url(*from, location);
  check_url(to, Wildcards::refused);
  const bool relative =
      location.find("//") == std::string_view::npos && location.find(':') == std::string_view::npos;
  if (to && relative) require(to->host == from->host && to->port == from->port, "a relative redirect stays");
}

void check_provider(std::string_view text) {
  const auto url = cfpipe::edge::parse_provider_url(text);
  if (!url) return;
  require(!url->plain || url->url.host.is_this_machine(), "http is for this machine");
  const auto again = cfpipe::edge::parse_provider_url(url->str());
  require(again && again->plain == url->plain && again->url == url->url, "a provider's URL prints as itself");
}

void check_proxy(std::string_view text) {
  const auto proxy = parse_proxy(text, "SOURCE");
  if (!proxy) return;
  require(proxy->port != 0 && !proxy->host.empty(), "a proxy is somewhere");
  require(proxy->user.size() <= kMaxProxyLoginBytes && proxy->password.reveal().size() <= kMaxProxyLoginBytes,
          "a login has a bound");
  const auto authority = Authority::parse(proxy->authority());
  require(authority && authority->host == proxy->host && authority->port == proxy->port,
          "a proxy's authority prints as itself");
  const auto again = parse_proxy(proxy->shown(), "SOURCE");
  require(again && again->kind == proxy->kind && again->host == proxy->host && again->port == proxy->port,
          "what is shown of a proxy is that proxy");
}

void check_escapes(std::string_view text) {
  const auto back = percent_decode(percent_encode(text));
  require(back && *back == text, "what was encoded decodes");
}

}  // namespace

// The first line is the URL, the second a redirect from there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const auto text = input.until('\n');
  check_host(text, Wildcards::refused);
  check_host(text, Wildcards::allowed);
  check_authority(text);
  check_request_authority(text);
  check_url(parse_url(text), Wildcards::refused);
  check_url(parse_url(text, Wildcards::allowed), Wildcards::allowed);
  check_redirect(text, input.rest());
  check_provider(text);
  check_proxy(text);
  check_escapes(text);
  if (const auto host = Host::parse("vm.example.com")) (void)listed_in_no_proxy(text, *host, kHttpsPort);
  return 0;
}
