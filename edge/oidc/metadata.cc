#include "edge/oidc/metadata.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "auth/token/signing_keys.h"
#include "base/json.h"

namespace cfpipe::edge {
namespace {

namespace json = boost::json;

Failure unusable(const std::string& why) {
  return {Stage::login, Cause::login_failed, "its openid-configuration cannot be used: " + why};
}

/// Whether a list of words holds one; nothing if there is no such list, or an empty one.
std::optional<bool> lists(const json::object& document, const char* name, std::string_view word) {
  const json::value* value = document.if_contains(name);
  if (value == nullptr || !value->is_array() || value->get_array().empty()) return std::nullopt;
  const json::array& all = value->get_array();
  return std::any_of(all.begin(), all.end(),
                     [&](const json::value& one) { return one.is_string() && one.get_string() == word; });
}

Failure fault(const std::string& why) {
  return {Stage::login, Cause::login_failed, why};
}

Result<ProviderUrl> endpoint(const json::object& document, const char* name, bool plain_allowed) {
  const json::value* value = document.if_contains(name);
  const std::string text = text_of(document, name);
  if (value != nullptr && !value->is_null() && !value->is_string())
    return fault(std::string(name) + " is not a string");
  if (text.empty()) return fault(std::string("it has no ") + name);
  auto url = parse_provider_url(text);
  if (!url) return fault(std::string(name) + " " + url.error().detail);
  if (url->plain && !plain_allowed) return fault(std::string(name) + " is not an https URL");
  return url;
}

/// A sign-in works without it, and without what is wrong with it.
std::optional<ProviderUrl> optional_endpoint(const json::object& document, const char* name,
                                             bool plain_allowed, std::vector<std::string>& faults) {
  const json::value* value = document.if_contains(name);
  if (value == nullptr || value->is_null() || (value->is_string() && value->get_string().empty()))
    return std::nullopt;
  auto url = endpoint(document, name, plain_allowed);
  if (url) return std::move(*url);
  faults.push_back("its openid-configuration has a fault, and the endpoint goes unused: " +
                   url.error().detail);
  return std::nullopt;
}

SecretIn secret_in(const json::object& document) {
  constexpr const char* kMethods = "token_endpoint_auth_methods_supported";
  if (lists(document, kMethods, "client_secret_basic") == true) return SecretIn::header;
  return lists(document, kMethods, "client_secret_post") == true ? SecretIn::body : SecretIn::either;
}

Result<void> check_abilities(const json::object& document) {
  if (lists(document, "response_types_supported", "code") == false)
    return unusable("it has no authorization code flow");
  bool signs = false;
  for (const std::string_view alg : auth::SigningKeys::kAlgorithms)
    signs = signs || lists(document, "id_token_signing_alg_values_supported", alg).value_or(true);
  if (!signs) return unusable("it signs ID tokens with none of the RS, PS, ES and EdDSA algorithms");
  return {};
}

}  // namespace

Result<ProviderUrl> discovery_url(const std::string& issuer) {
  std::string base = issuer;
  if (base.ends_with('/')) base.pop_back();
  return parse_provider_url(base + "/.well-known/openid-configuration");
}

Result<ProviderMetadata> parse_provider_metadata(std::string_view text, const std::string& issuer) {
  const auto document = parse_json_object(text);
  if (!document) return unusable("it is not a JSON object");
  const std::string claimed = text_of(*document, "issuer");
  if (claimed != issuer)
    return unusable("it is of issuer '" + printable(claimed, 120) + "', not of the configured one");
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
    if (!url) return unusable(url.error().detail);
    one.url = std::move(*url);
  }
  out.userinfo = optional_endpoint(*document, "userinfo_endpoint", plain, out.faults);
  out.end_session = optional_endpoint(*document, "end_session_endpoint", plain, out.faults);
  out.secret_in = secret_in(*document);
  const json::value* names = document->if_contains("authorization_response_iss_parameter_supported");
  out.names_itself = names != nullptr && names->is_bool() && names->get_bool();
  return out;
}

}  // namespace cfpipe::edge
