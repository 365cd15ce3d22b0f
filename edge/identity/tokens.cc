#include "edge/identity/tokens.h"

#include <openssl/rsa.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <ctime>

#include "auth/ssh/key_type_claim.h"
#include "auth/token/jwks.h"
#include "auth/token/jwt.h"
#include "base/json.h"
#include "base/text.h"
#include "base/x509.h"

namespace cfpipe::edge {
namespace {

constexpr std::string_view kKeyName = "token-signing";
/// Lifetime of the X.509 form of the signing key, in days; no client checks it, some libraries require one.
constexpr int kCertificateDays = 365;
/// Names what `groups` and the custom claims are a choice of.
constexpr std::string_view kAsked = "groups_asked";
constexpr std::size_t kAskedCharacters = 16;
/// How groups are written; no group starts like this.
constexpr std::string_view kGroupsForm = "\x02with unknown\n";
/// Names the identity provider that a person has signed in at.
constexpr std::string_view kProvider = "idp";
/// Says who holds an org token.
constexpr std::string_view kUse = "use";
constexpr std::string_view kBrowserUse = "browser";
constexpr std::string_view kProgramUse = "program";

Failure damaged() {
  return {Stage::state, Cause::state_unreadable, "the token signing key is damaged"};
}

Result<PKey> signing_key(KeyStore& keys) {
  auto known = keys.find(kKeyName);
  if (!known) return known.error();
  if (!*known) {
    const PKey fresh(EVP_RSA_gen(kTokenKeyBits));
    if (!fresh) return damaged();
    if (auto added = keys.insert(kKeyName, private_key_pem(fresh.get())); !added) return added.error();
    // Another process may have been first: the stored one counts.
    known = keys.find(kKeyName);
    if (!known) return known.error();
  }
  if (!*known) return damaged();
  PKey key = private_key_from_pem((*known)->reveal());
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return damaged();
  return key;
}

std::vector<std::string> strings_of(const boost::json::object& object, std::string_view key) {
  std::vector<std::string> out;
  const auto* list = object.if_contains(key);
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& item : list->get_array())
    if (item.is_string()) out.emplace_back(item.get_string());
  return out;
}

/// In tokens they are where Access puts those that it is told to pass on.
constexpr std::string_view kCustomClaims = "custom";

boost::json::object object_of(const Claims& claims) {
  boost::json::object out;
  for (const auto& [name, values] : claims) out[name] = boost::json::array(values.begin(), values.end());
  return out;
}

Claims custom_claims(const boost::json::object& object) {
  Claims out;
  const auto* found = object.if_contains(kCustomClaims);
  if (found == nullptr || !found->is_object()) return out;
  for (const auto& [name, value] : found->get_object())
    out[std::string(name)] = strings_of(found->get_object(), std::string(name));
  return out;
}

}  // namespace

void write_identity(boost::json::object& object, const Identity& identity) {
  object["email"] = identity.email;
  object[kProvider] = identity.provider;
  write_groups(object, identity.groups);
  if (!identity.claims.empty()) object[kCustomClaims] = object_of(identity.claims);
  object["sub"] = identity.subject;
  object["nonce"] = identity.nonce;
  object["iat"] = identity.issued;
}

Identity read_identity(const boost::json::object& object) {
  Identity identity;
  identity.email = text_of(object, "email");
  identity.provider = text_of(object, kProvider);
  identity.groups = carried_groups(object);
  identity.claims = custom_claims(object);
  identity.subject = text_of(object, "sub");
  identity.nonce = text_of(object, "nonce");
  if (const auto* issued = object.if_contains("iat"); issued != nullptr && issued->is_int64())
    identity.issued = issued->get_int64();
  return identity;
}

Result<Tokens> Tokens::open(KeyStore& keys) {
  auto key = signing_key(keys);
  if (!key) return key.error();
  const std::string kid = auth::rsa_thumbprint(key->get());
  const CertificateRequest request{.common_name = "cfpipe-edge token signing", .days = kCertificateDays};
  const boost::json::object cert{{"kid", kid},
                                 {"cert", make_certificate(request, key->get(), nullptr, key->get())}};
  const boost::json::object set{{"keys", boost::json::array{auth::rsa_jwk(key->get(), kid)}},
                                {"public_cert", cert},
                                {"public_certs", boost::json::array{cert}}};
  return Tokens(std::move(*key), kid, boost::json::serialize(set));
}

void Tokens::set_asked(const std::vector<std::string>& groups, const std::vector<std::string>& claims) {
  std::string all;
  // Tokens from before unknown groups were written into them say nothing of those, and are not taken.
  if (!groups.empty()) all = kGroupsForm;
  for (const std::string& group : groups) all += group + "\n";
  // No group starts like this.
  for (const std::string& claim : claims) all += "\x01" + claim + "\n";
  asked_ = all.empty() ? all : hex(sha256(all)).substr(0, kAskedCharacters);
}

std::string Tokens::org_audience() const {
  return hex(sha256("org\n" + issuer_));
}

boost::json::object Tokens::claims_of(const Identity& identity, std::string_view type, std::string_view aud,
                                      std::int64_t now, std::chrono::seconds lifetime) const {
  boost::json::object claims{{"aud", boost::json::array{aud}},
                             {"exp", now + lifetime.count()},
                             {"iat", now},
                             {"nbf", now},
                             {"iss", issuer_},
                             {"type", type},
                             {"sub", identity.subject}};
  if (identity.client_id.empty()) {
    claims["email"] = identity.email;
    claims["identity_nonce"] = identity.nonce;
    claims["country"] = "XX";
    claims[kProvider] = identity.provider;
    write_groups(claims, identity.groups);
    if (!identity.claims.empty()) claims[kCustomClaims] = object_of(identity.claims);
    if (!asked_.empty()) claims[kAsked] = asked_;
  } else {
    claims["common_name"] = identity.client_id;
  }
  return claims;
}

std::string Tokens::sign(const boost::json::object& claims) const {
  return auth::sign_rs256(claims, kid_, key_.get());
}

std::string Tokens::app_token(const Identity& identity, std::string_view aud, std::int64_t now,
                              std::chrono::seconds lifetime) const {
  return sign(claims_of(identity, "app", aud, now, lifetime));
}

std::string Tokens::org_token(const Identity& identity, Holder holder, std::int64_t now,
                              std::chrono::seconds lifetime) const {
  auto claims = claims_of(identity, "org", org_audience(), now, lifetime);
  claims[kUse] = holder == Holder::browser ? kBrowserUse : kProgramUse;
  return sign(claims);
}

std::string Tokens::metadata(const Served& served, std::string_view auth_domain, std::string_view aud,
                             std::int64_t now) const {
  boost::json::object claims{
      {"type", "match"}, {"hostname", served.host},         {"auth_domain", auth_domain},
      {"aud", aud},      {"app_hostname", served.app_name}, {"iat", now}};
  if (!served.key_type.empty()) claims[auth::kKeyTypeClaim] = served.key_type;
  return sign(claims);
}

std::optional<Identity> Tokens::check(std::string_view compact, std::string_view type, std::string_view aud,
                                      std::int64_t now) const {
  if (compact.empty()) return std::nullopt;
  const auto jwt = auth::parse_jwt(compact);
  if (!jwt || jwt->kid() != kid_) return std::nullopt;
  // The signature comes last: it costs the most, and a request may show many tokens.
  const std::vector<std::string> audience = jwt->audience();
  if (jwt->text("type") != type || jwt->text("iss") != issuer_ ||
      std::find(audience.begin(), audience.end(), aud) == audience.end()) {
    return std::nullopt;
  }
  if (jwt->number("exp") <= now || jwt->number("nbf") > now + kTokenClockSkew) return std::nullopt;
  if (!auth::verify_rs256(*jwt, key_.get())) return std::nullopt;
  Identity identity;
  identity.client_id = jwt->text("common_name");
  if (identity.client_id.empty()) {
    identity.email = jwt->text("email");
    identity.groups = carried_groups(jwt->claims);
    identity.claims = custom_claims(jwt->claims);
    identity.nonce = jwt->text("identity_nonce");
    identity.provider = jwt->text(kProvider);
    if (identity.provider.empty() && providers_.size() == 1) identity.provider = providers_.front();
    if (!valid_email(identity.email) || jwt->text(kAsked) != asked_ ||
        std::find(providers_.begin(), providers_.end(), identity.provider) == providers_.end())
      return std::nullopt;
  }
  if (jwt->text(kUse) == kBrowserUse) identity.holder = Holder::browser;
  identity.subject = jwt->text("sub");
  identity.issued = jwt->number("iat");
  identity.expires = jwt->number("exp");
  return identity;
}

std::optional<Identity> Tokens::check_app(std::string_view compact, std::string_view aud,
                                          std::int64_t now) const {
  return check(compact, "app", aud, now);
}

std::optional<Identity> Tokens::check_org(std::string_view compact, std::int64_t now) const {
  return check(compact, "org", org_audience(), now);
}

std::string subject_of(std::string_view issuer, std::string_view name) {
  const std::string digest = hex(sha256(std::string(issuer) + "\n" + std::string(name)));
  return digest.substr(0, 8) + "-" + digest.substr(8, 4) + "-" + digest.substr(12, 4) + "-" +
         digest.substr(16, 4) + "-" + digest.substr(20, 12);
}

}  // namespace cfpipe::edge
