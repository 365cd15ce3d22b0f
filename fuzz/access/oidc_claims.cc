// Claims that a hostile identity provider signs about a user: an unverified address does not sign in, and
// unknown groups stay unknown on their way through a token.
#include <boost/json/object.hpp>

#include "base/json.h"
#include "base/text.h"
#include "edge/oidc/claims.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::edge;
namespace json = boost::json;

constexpr std::int64_t kNow = 1'700'000'000;
constexpr const char* kNonce = "a nonce";

OidcConfig provider(bool trusting) {
  OidcConfig config;
  config.issuer = "https://idp.example.com";
  config.client_id = "cfpipe";
  config.allow_unverified_email = trusting;
  config.groups_claim_optional = trusting;
  return config;
}

void check_token(const json::object& claims, const OidcConfig& config) {
  cfpipe::auth::Jwt token;
  token.claims = claims;
  if (!check_id_token(token, config, kNonce, kNow)) return;
  require(token.text("iss") == config.issuer && token.text("nonce") == kNonce, "a token is of this sign-in");
  const auto audience = token.audience();
  require(std::find(audience.begin(), audience.end(), config.client_id) != audience.end(),
          "and for this client");
  require(token.number("exp") > kNow - kProviderClockSkew, "and fresh");
  const auto subject = token.text("sub");
  require(!subject.empty() && subject.size() <= kMaxSubjectBytes, "and about a user");
  require(!check_id_token(token, config, "", kNow), "no nonce is no sign-in");
}

void check_groups(const Groups& groups) {
  require(!groups.unknown || groups.names.empty(), "unknown groups are none");
  json::object carried;
  write_groups(carried, groups);
  require(carried_groups(carried) == groups, "groups arrive as they were sent");
  const auto kept = groups_to_carry(groups, {"sre", "ops"});
  require(kept.unknown == groups.unknown && kept.names.size() <= 2, "only what policies name is carried");
}

void check_person(const json::object& claims, const UserInfo& info, const OidcConfig& config) {
  WantedClaims wanted;
  wanted.groups = true;
  wanted.named = {"preferred_username", "uid"};
  (void)needs_userinfo(claims, config, wanted);
  const auto person = person_of(claims, info, config, wanted);
  if (!person) {
    const auto& detail = person.error().detail;
    require(cfpipe::printable(detail, detail.size()) == detail, "a refusal is printable");
    return;
  }
  require(valid_email(person->email), "a person has an address");
  if (!config.allow_unverified_email)
    require(claims.contains("email_verified") || info.claims.contains("email_verified"),
            "which a provider verified");
  require(info.claims.empty() || cfpipe::text_of(info.claims, "sub") == person->subject,
          "userinfo is about the same person");
  check_groups(person->groups);
  std::size_t bytes = 0;
  for (const auto& [name, values] : claims_to_carry(person->claims, wanted.named)) {
    for (const auto& value : values) {
      require(!value.empty() && value.size() <= kMaxPrincipalBytes, "a value has a bound");
      require(cfpipe::printable(value) == value, "and is printable");
      bytes += value.size();
    }
  }
  require(bytes <= kMaxClaimValuesBytes, "all values together have a bound");
}

}  // namespace

// The claims of the ID token in the first line, those of userinfo behind it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const OidcConfig strict = provider(false), trusting = provider(true);
  cfpipe::fuzz::Input input(data, size);
  const auto claims = cfpipe::parse_json_object(input.until('\n'));
  if (!claims) return 0;
  UserInfo info;
  if (auto more = cfpipe::parse_json_object(input.rest())) info.claims = std::move(*more);
  info.failed = input.rest().empty();
  check_groups(read_groups(*claims, "groups"));
  check_groups(carried_groups(*claims));
  for (const auto* config : {&strict, &trusting}) {
    check_token(*claims, *config);
    check_person(*claims, info, *config);
  }
  return 0;
}
