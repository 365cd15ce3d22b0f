#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "auth/openssl.h"
#include "edge/state.h"

namespace cfpipe::edge {

/// Size of the token signing key in bits, and how far a clock may be behind ours in seconds.
inline constexpr unsigned kTokenKeyBits = 2048;
inline constexpr std::int64_t kTokenClockSkew = 60;

/// Who a token speaks for.
struct Identity {
  std::string email;
  std::string subject;  ///< stable for one person
  std::string nonce;    ///< of one sign-in
  std::int64_t issued = 0;
  std::int64_t expires = 0;
};

/// Signs and checks this edge's tokens (RS256). A token is of one type and one audience, and is taken for
/// nothing else.
class Tokens {
 public:
  /// Makes the signing key at the first start.
  static Result<Tokens> open(State& state);

  void set_issuer(std::string issuer) { issuer_ = std::move(issuer); }
  const std::string& issuer() const { return issuer_; }

  std::string app_token(const Identity& identity, std::string_view aud, std::int64_t now,
                        std::chrono::seconds lifetime) const;
  std::string org_token(const Identity& identity, std::int64_t now, std::chrono::seconds lifetime) const;
  /// What tells a client which application a host belongs to.
  std::string metadata(std::string_view hostname, std::string_view auth_domain, std::string_view aud,
                       std::int64_t now) const;

  std::optional<Identity> check_app(std::string_view compact, std::string_view aud, std::int64_t now) const;
  std::optional<Identity> check_org(std::string_view compact, std::int64_t now) const;

  /// `{"keys":[…],"public_cert":…,"public_certs":[…]}`
  const std::string& certs() const { return certs_; }
  const std::string& kid() const { return kid_; }

 private:
  Tokens(auth::PKey key, std::string kid, std::string certs)
      : key_(std::move(key)), kid_(std::move(kid)), certs_(std::move(certs)) {}
  std::string sign(const Identity& identity, std::string_view type, std::string_view aud, std::int64_t now,
                   std::chrono::seconds lifetime) const;
  std::optional<Identity> check(std::string_view compact, std::string_view type, std::string_view aud,
                                std::int64_t now) const;
  std::string org_audience() const;

  auth::PKey key_;
  std::string kid_;
  std::string certs_;
  std::string issuer_;
};

/// The subject of a person at an issuer, in the form of a UUID.
std::string subject_of(std::string_view issuer, std::string_view email);

}  // namespace cfpipe::edge
