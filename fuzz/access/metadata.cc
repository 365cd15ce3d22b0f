// What an auth domain that is not honest signs about an application: only what is about the host that was
// asked, and of a trusted domain, is believed.
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "auth/discovery/application.h"
#include "base/json.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::auth;
using cfpipe::transport::parse_url;
using cfpipe::transport::Url;

constexpr std::int64_t kNow = 1'700'000'000;

/// The keys of the auth domain, and what we ask about.
struct Asked {
  PKey key{EVP_RSA_gen(2048)};
  KeySet keys = KeySet::parse(boost::json::serialize(
                                  boost::json::object{{"keys", boost::json::array{rsa_jwk(key.get(), "k")}}}))
                    .value();
  Url url = parse_url("https://vm.example.com/team/x").value();
  TrustedDomains trusted;
  Asked() {
    trusted.add("auth.example.com:8443");
    trusted.add("auth.example.org");
    trusted.add("not a domain");
  }
};

void check_patterns(std::string_view pattern, const Url& url) {
  if (!covers(pattern, url)) return;
  const auto host = pattern.substr(0, pattern.find('/'));
  require(!host.empty(), "a name that covers a URL has a host");
  // Of another host of the same length only a pattern can cover both.
  Url other = url;
  other.host = cfpipe::Host::parse("zz.example.net").value();
  if (host.find('*') == std::string_view::npos) require(!covers(pattern, other), "a name is about its host");
  Url deeper = url;
  deeper.target = "/team/x/below/it";
  require(covers(pattern, deeper), "an application covers what is below its path");
}

void check_domain(std::string_view domain, const TrustedDomains& trusted) {
  if (!trusted.check(domain)) return;
  const auto named = cfpipe::Authority::parse(domain);
  require(named.has_value(), "a domain that is trusted is one");
  const auto& host = named->host.text();
  require(host.ends_with(".cloudflareaccess.com") || host == "auth.example.org" ||
              (host == "auth.example.com" && named->port == 8443),
          "a domain that is trusted was named");
}

void check_metadata(const Asked& asked, const boost::json::object& claims) {
  const auto parsed = parse_jwt(sign_rs256(claims, "k", asked.key.get()));
  if (!parsed) return;  // what is read as JSON may be no token's
  Jwt jwt = *parsed;
  const auto app = verify_metadata(jwt, asked.keys, asked.url, asked.trusted, kNow);
  if (app) {
    require(fits(*app, asked.url), "metadata that is believed is about the URL");
    require(asked.trusted.check(app->auth_domain).has_value(), "and of a trusted domain");
    require(parse_url(app->auth_domain).has_value(), "whose name is one");
    const auto iat = jwt.number("iat");
    require(iat >= kNow - kMetadataMaxAge && iat <= kNow + kMetadataMaxSkew, "and is fresh");
  } else {
    require(app.error().stage == cfpipe::Stage::application, "a failure is the application's");
    const auto& detail = app.error().detail;
    require(cfpipe::printable(detail, detail.size()) == detail, "a failure is printable");
  }
  jwt.signature.back() = static_cast<char>(jwt.signature.back() ^ 1);
  require(!verify_metadata(jwt, asked.keys, asked.url, asked.trusted, kNow), "nothing unsigned is believed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Asked asked;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_patterns(text, asked.url);
  check_domain(text, asked.trusted);
  // Only what an auth domain would sign is signed: it costs a millisecond.
  const auto claims = parse_json_object(text);
  if (claims && claims->contains("auth_domain")) check_metadata(asked, *claims);
  return 0;
}
