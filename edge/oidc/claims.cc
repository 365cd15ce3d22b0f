#include "edge/oidc/claims.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "base/json.h"
#include "base/text.h"
#include "edge/policy/claim_path.h"

namespace cfpipe::edge {
namespace {

namespace json = boost::json;

Failure invalid(const std::string& why) {
  return {Stage::login, Cause::token_invalid, "its ID token " + why};
}

Failure denied(const std::string& why) {
  return {Stage::login, Cause::denied, why};
}

bool has(const json::object& claims, const std::string& name) {
  const json::value* value = find_claim(claims, name).value;
  return value != nullptr && !value->is_null();
}

/// A string or a number, or each of a list.
std::vector<std::string> texts_of(const json::object& claims, const std::string& name) {
  const json::value* value = find_claim(claims, name).value;
  std::vector<std::string> out;
  const auto take = [&out](const json::value& one) {
    if (one.is_string()) out.emplace_back(one.get_string());
    if (one.is_int64()) out.push_back(std::to_string(one.get_int64()));
  };
  if (value == nullptr) return out;
  take(*value);
  if (value->is_array()) std::for_each(value->get_array().begin(), value->get_array().end(), take);
  return out;
}

/// Those of the ID token if it has the claim, which is signed, else those of userinfo.
Groups groups_of(const json::object& id_claims, const UserInfo& userinfo, const OidcConfig& config) {
  Groups out = read_groups(id_claims, config.groups_claim);
  if (out.unknown != GroupsUnknown::missing) return out;
  out = read_groups(userinfo.claims, config.groups_claim);
  if (out.unknown != GroupsUnknown::missing) return out;
  if (userinfo.failed) return {{}, GroupsUnknown::no_answer};
  return config.groups_claim_optional ? Groups() : out;
}

/// Some providers write the word instead of the value.
bool says_verified(const json::object& claims) {
  const json::value* value = claims.if_contains("email_verified");
  if (value == nullptr) return false;
  return value->is_bool() ? value->get_bool() : text_of(claims, "email_verified") == "true";
}

/// Whom the token is for: this client, and others if the provider wants that, but not one of them as its
/// user.
bool is_for(const auth::Jwt& token, const std::string& client_id) {
  const auto audience = token.audience();
  if (std::find(audience.begin(), audience.end(), client_id) == audience.end()) return false;
  const json::value* party = token.claims.if_contains("azp");
  return party == nullptr || party->is_null() || token.text("azp") == client_id;
}

/// A claim of another type than it has to be is not said to be absent.
Result<void> check_types(const auth::Jwt& token) {
  for (const char* name : {"iss", "sub", "nonce"}) {
    const json::value* value = token.claims.if_contains(name);
    if (value != nullptr && !value->is_string())
      return invalid("has a claim '" + std::string(name) + "' that is not a string");
  }
  for (const char* name : {"iat", "nbf", "exp"}) {
    const json::value* value = token.claims.if_contains(name);
    if (value != nullptr && !value->is_null() && !token.time(name))
      return invalid("has a claim '" + std::string(name) + "' that is not a number");
  }
  return {};
}

/// Address and verification belong together: the one of a source says nothing about that of another.
struct Address {
  std::string email;
  bool verified = false;
};
std::string address_in(const json::object& claims, const OidcConfig& config) {
  const json::value* value = find_claim(claims, config.email_claim).value;
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
Address address_of(const json::object& id_claims, const json::object& userinfo, const OidcConfig& config) {
  Address out{address_in(id_claims, config), says_verified(id_claims)};
  const std::string other = address_in(userinfo, config);
  if (out.email.empty()) return {other, says_verified(userinfo)};
  if (!has(id_claims, "email_verified") && same_text(out.email, other))
    out.verified = says_verified(userinfo);
  return out;
}

/// What stands where the address should, for people.
std::string without_address(const json::object& id_claims, const json::object& userinfo,
                            const OidcConfig& config) {
  const std::string claim = config.email_claim == "email" ? "" : " (claim '" + config.email_claim + "')";
  const auto there = [&](const json::object& claims) {
    const json::value* value = find_claim(claims, config.email_claim).value;
    return value != nullptr && !value->is_null() && !value->is_string();
  };
  if (there(id_claims) || there(userinfo))
    return "your identity provider has your email address" + claim +
           " in a form that is not read: not a string";
  return "your identity provider does not say what your email address is" + claim;
}

}  // namespace

Result<void> check_id_token(const auth::Jwt& token, const OidcConfig& config, std::string_view nonce,
                            std::int64_t now) {
  if (auto typed = check_types(token); !typed) return typed.error();
  if (token.text("iss") != config.issuer) return invalid("is of another issuer");
  if (!is_for(token, config.client_id)) return invalid("is for another client");
  const std::int64_t made = token.number("iat");
  if (made <= 0) return invalid("does not say when it was made");
  if (!token.time("exp")) return invalid("does not say when it expires");
  if (made > now + kProviderClockSkew || token.number("nbf") > now + kProviderClockSkew)
    return invalid("is from the future: the clock of one of the two machines is wrong");
  if (token.number("exp") <= now - kProviderClockSkew)
    return invalid("has expired: the clock of one of the two machines may be wrong");
  if (nonce.empty() || !same_secret(token.text("nonce"), nonce)) return invalid("is of another sign-in");
  const std::string subject = token.text("sub");
  if (subject.empty() || subject.size() > kMaxSubjectBytes) return invalid("does not say who it is about");
  return {};
}

Result<void> check_signed_userinfo(const auth::Jwt& token, const OidcConfig& config) {
  const auto wrong = [](const char* what) {
    return Failure(Stage::login, Cause::token_invalid, std::string("its signed userinfo is ") + what);
  };
  if (token.claims.contains("iss") && token.text("iss") != config.issuer) return wrong("of another issuer");
  const auto audience = token.audience();
  if (token.claims.contains("aud") &&
      std::find(audience.begin(), audience.end(), config.client_id) == audience.end())
    return wrong("for another client");
  return {};
}

bool needs_address(const json::object& id_claims, const OidcConfig& config) {
  return !has(id_claims, config.email_claim) ||
         (!config.allow_unverified_email && !has(id_claims, "email_verified"));
}

bool needs_userinfo(const json::object& id_claims, const OidcConfig& config, const WantedClaims& wanted) {
  const auto lacks = [&](const std::string& name) { return !has(id_claims, name); };
  return needs_address(id_claims, config) || (wanted.groups && lacks(config.groups_claim)) ||
         std::any_of(wanted.named.begin(), wanted.named.end(), lacks);
}

Result<Person> person_of(const json::object& id_claims, const UserInfo& userinfo, const OidcConfig& config,
                         const WantedClaims& wanted) {
  Person out;
  out.subject = text_of(id_claims, "sub");
  const json::object& more = userinfo.claims;
  if (!more.empty() && text_of(more, "sub") != out.subject)
    return Failure(Stage::login, Cause::token_invalid,
                   "its userinfo is about another user than its ID token");
  const Address address = address_of(id_claims, more, config);
  if (address.email.empty()) return denied(without_address(id_claims, more, config));
  if (!valid_email(address.email))
    return denied("the email address that your identity provider has for you cannot be used here");
  if (!address.verified && !config.allow_unverified_email)
    return denied("your identity provider has not verified that " + address.email + " is your address");
  out.email = address.email;
  if (wanted.groups) out.groups = groups_of(id_claims, userinfo, config);
  for (const std::string& name : wanted.named)
    out.claims[name] = texts_of(has(id_claims, name) ? id_claims : more, name);
  return out;
}

Claims claims_to_carry(const Claims& claims, const std::vector<std::string>& named) {
  Claims out;
  std::size_t values = 0;
  std::size_t bytes = 0;
  const auto put = [&](const std::string& name, const std::string& value) {
    if (value.empty() || value.size() > kMaxPrincipalBytes || printable(value) != value) return;
    if (++values <= kMaxClaimValues && (bytes += value.size()) <= kMaxClaimValuesBytes)
      out[name].push_back(value);
  };
  for (const std::string& name : named) {
    const auto found = claims.find(name);
    if (found == claims.end()) continue;
    for (const std::string& value : found->second)
      if (account_of(value, AccountFrom::claim)) put(name, value);
    // Where none is a user name, the first is carried to say so.
    if (!out.contains(name) && !found->second.empty()) put(name, found->second.front());
  }
  return out;
}

}  // namespace cfpipe::edge
