// What a server that answers for the identity provider says of itself: of the configured issuer, with
// endpoints that are spoken to encrypted unless all of it is on this machine.
#include "edge/oidc/metadata.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::edge;

void check_endpoint(const ProviderUrl& url, bool plain_allowed) {
  require(!url.plain || plain_allowed, "http endpoints belong to an http issuer");
  require(!url.plain || url.url.host.is_this_machine(), "and to this machine");
  const auto again = parse_provider_url(url.str());
  require(again && again->str() == url.str(), "an endpoint prints as itself");
}

void check(std::string_view json, const std::string& issuer) {
  const auto metadata = parse_provider_metadata(json, issuer);
  if (!metadata) {
    const auto& detail = metadata.error().detail;
    require(cfpipe::printable(detail, detail.size()) == detail, "a failure is printable");
    return;
  }
  const bool plain = issuer.starts_with("http:");
  check_endpoint(metadata->authorization, plain);
  check_endpoint(metadata->token, plain);
  check_endpoint(metadata->keys, plain);
  if (metadata->userinfo) check_endpoint(*metadata->userinfo, plain);
  if (metadata->end_session) check_endpoint(*metadata->end_session, plain);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text, "https://idp.example.com");
  check(text, "http://127.0.0.1:9000/realms/x");
  return 0;
}
