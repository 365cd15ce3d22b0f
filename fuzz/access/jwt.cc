// JSON Web Tokens of strangers, as they come and as claims that an issuer has signed: nothing is believed
// that is not signed, and what is made here reads back.
#include "auth/token/jwt.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <boost/json/serialize.hpp>

#include "auth/discovery/application.h"
#include "auth/token/jwks.h"
#include "base/base64.h"
#include "base/json.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::auth;

const boost::json::value& value_of(const boost::json::value& value) {
  return value;
}
const boost::json::value& value_of(const boost::json::key_value_pair& pair) {
  return pair.value();
}

// Fractions lose digits when they are printed. No claim that is read is one.
bool has_fraction(const boost::json::value& value) {
  const auto in = [](const auto& entries) {
    return std::any_of(entries.begin(), entries.end(),
                       [](const auto& entry) { return has_fraction(value_of(entry)); });
  };
  if (value.is_object()) return in(value.get_object());
  return value.is_array() ? in(value.get_array()) : value.is_double();
}

void check_json(std::string_view text) {
  const auto object = parse_json_object(text);
  if (!object || has_fraction(*object)) return;
  const auto printed = boost::json::serialize(*object);
  const auto again = parse_json_object(printed);
  require(again && boost::json::serialize(*again) == printed, "an object prints as itself");
}

void check_base64(std::string_view text) {
  if (const auto bytes = decode_base64(text)) require(base64(*bytes) == text, "base64 has one spelling");
  if (const auto bytes = decode_base64url(text))
    require(base64url(*bytes) == text || base64url_padded(*bytes) == text, "base64url has two spellings");
  require(decode_base64(base64(text)) == std::string(text), "base64 decodes what was encoded");
  require(decode_base64url(base64url(text)) == std::string(text), "base64url decodes what was encoded");
}

void check_token(std::string_view compact) {
  const auto jwt = parse_jwt(compact);
  if (!jwt) {
    require(jwt.error().cause == cfpipe::Cause::token_invalid, "a malformed token is said to be one");
    return;
  }
  require(compact.size() <= kMaxJwtBytes, "a token has a bound");
  require(compact == jwt->signing_input + "." + base64url(jwt->signature), "a token has one spelling");
  for (const auto& audience : jwt->audience())
    require(audience.size() <= compact.size(), "an audience was sent");
  (void)jwt->kid();
  (void)jwt->number("exp");
  static const PKey key(EVP_RSA_gen(2048));
  require(!verify_rs256(*jwt, key.get()), "a token of another key does not verify");

  Application app;
  app.auth_domain = "team.cloudflareaccess.com";
  app.aud = std::string(kAudCharacters, 'a');
  if (const auto token = check_app_token(compact, app, 1'700'000'000)) {
    require(issued_for(app, *token) && token->number("exp") > 1'700'000'000, "a token that is taken is good");
    const auto audience = token->audience();
    require(std::find(audience.begin(), audience.end(), app.aud) != audience.end(),
            "and for the application");
  }
}

}  // namespace

// The first byte says what follows: a compact token; or the header and the claims of one, in a line each, so
// that the fuzzer need not find its way through base64.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const bool in_parts = input.byte() % 2 == 1;
  check_base64(input.rest());
  if (!in_parts) {
    check_token(input.rest());
    return 0;
  }
  const auto header = input.until('\n');
  check_json(header);
  check_json(input.rest());
  check_token(base64url(header) + "." + base64url(input.rest()) + "." + base64url("signature"));
  return 0;
}
