// Key sets that a stranger publishes: bounded, RSA keys of sane sizes only, and a key of ours reads back.
#include "auth/token/jwks.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "auth/token/signing_keys.h"
#include "base/json.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::auth;
namespace json = boost::json;

constexpr int kLeastBits = 2048;
constexpr int kMostBits = 8192;

/// What an honest issuer signs, once.
struct Honest {
  PKey key{EVP_RSA_gen(kLeastBits)};
  std::string token = sign_rs256({{"iss", "https://idp.example.com"}}, "k", key.get());
  Jwt jwt = parse_jwt(token).value();
};

void check_key(const json::object& jwk) {
  const auto key = rsa_from_jwk(jwk);
  if (!key) return;
  const int bits = EVP_PKEY_get_bits(key.get());
  require(EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA, "a key is an RSA key");
  require(bits >= kLeastBits && bits <= kMostBits, "a key has 2048 to 8192 bits");
  const auto again = rsa_from_jwk(rsa_jwk(key.get(), "k"));
  require(again && EVP_PKEY_eq(again.get(), key.get()) == 1, "a key prints as itself");
  require(rsa_thumbprint(again.get()) == rsa_thumbprint(key.get()), "a key has one thumbprint");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Honest honest;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto object = parse_json_object(text)) {
    check_key(*object);
    if (const auto* keys = object->if_contains("keys"); keys != nullptr && keys->is_array()) {
      for (const auto& one : keys->get_array())
        if (one.is_object()) check_key(one.get_object());
    }
  }
  (void)SigningKeys::parse(text);
  const auto keys = KeySet::parse(text);
  require(!keys || !keys->verifies(honest.jwt), "a set without the key verifies nothing of it");
  require(keys || keys.error().cause == cfpipe::Cause::metadata_invalid, "a bad set is said to be one");
  return 0;
}
