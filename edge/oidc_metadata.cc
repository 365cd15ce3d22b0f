#include "edge/oidc_metadata.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "auth/json.h"
#include "auth/signing_keys.h"

namespace cfpipe::edge {
namespace {

namespace json = boost::json;
using transport::Result;

transport::Failure unusable(const std::string& why) {
  return {transport::Stage::login, transport::Cause::login_failed,
          "its openid-configuration cannot be used: " + why};
}

/// Whether a list of words holds one; nothing if there is no such list.
std::optional<bool> lists(const json::object& document, const char* name, std::string_view word) {
  const json::value* value = document.if_contains(name);
  if (value == nullptr || !value->is_array()) return std::nullopt;
  const json::array& all = value->get_array();
  return std::any_of(all.begin(), all.end(),
                     [&](const json::value& one) { return one.is_string() && one.get_string() == word; });
}

Result<ProviderUrl> endpoint(const json::object& document, const char* name, bool plain_allowed) {
  const std::string text = auth::text_of(document, name);
  if (text.empty()) return unusable(std::string("it has no ") + name);
  auto url = parse_provider_url(text);
  if (!url) return unusable(std::string(name) + " " + url.error().detail);
  if (url->plain && !plain_allowed) return unusable(std::string(name) + " is not an https URL");
  return url;
}

Result<void> check_abilities(const json::object& document) {
  if (lists(document, "response_types_supported", "code") == false)
    return unusable("it has no authorization code flow");
  bool signs = !document.contains("id_token_signing_alg_values_supported");
  for (const std::string_view alg : auth::SigningKeys::kAlgorithms)
    signs = signs || lists(document, "id_token_signing_alg_values_supported", alg) == true;
  if (!signs) return unusable("it signs with none of RS256, ES256 and EdDSA");
  return {};
}

}  // namespace

Result<ProviderUrl> discovery_url(const std::string& issuer) {
  std::string base = issuer;
  if (base.ends_with('/')) base.pop_back();
  return parse_provider_url(base + "/.well-known/openid-configuration");
}

Result<ProviderMetadata> parse_provider_metadata(std::string_view text, const std::string& issuer) {
  const auto document = auth::parse_json_object(text);
  if (!document) return unusable("it is not a JSON object");
  const std::string claimed = auth::text_of(*document, "issuer");
  if (claimed != issuer)
    return unusable("it is of issuer '" + transport::printable(claimed, 120) +
                    "', not of the configured one");
  if (auto able = check_abilities(*document); !able) return able.error();
  const bool plain = parse_provider_url(issuer).value().plain;
  ProviderMetadata out;
  struct Needed {
    const char* name;
    ProviderUrl& url;
  };
  for (const Needed& one : {Needed{"authorization_endpoint", out.authorization},
                            Needed{"token_endpoint", out.token}, Needed{"jwks_uri", out.keys}}) {
    auto url = endpoint(*document, one.name, plain);
    if (!url) return url.error();
    one.url = std::move(*url);
  }
  for (const auto& [name, url] :
       {std::pair{"userinfo_endpoint", &out.userinfo}, std::pair{"end_session_endpoint", &out.end_session}}) {
    if (!document->contains(name)) continue;
    auto given = endpoint(*document, name, plain);
    if (!given) return given.error();
    *url = std::move(*given);
  }
  // RFC 8414 2: basic is what is meant where nothing is said.
  constexpr const char* kMethods = "token_endpoint_auth_methods_supported";
  out.secret_in_header = lists(*document, kMethods, "client_secret_basic").value_or(true);
  const json::value* names = document->if_contains("authorization_response_iss_parameter_supported");
  out.names_itself = names != nullptr && names->is_bool() && names->get_bool();
  return out;
}

}  // namespace cfpipe::edge
