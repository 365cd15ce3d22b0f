#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/openssl.h"
#include "edge/policy/identity.h"
#include "edge/store/key_store.h"

namespace cfpipe::edge {

/// Size of the token signing key in bits, and how far a clock may be behind ours in seconds.
inline constexpr unsigned kTokenKeyBits = 2048;
inline constexpr std::int64_t kTokenClockSkew = 60;

/// A person's identity between the parts of a sign-in: email, provider, groups, claims, subject, nonce, and
/// when they signed in.
void write_identity(boost::json::object& object, const Identity& identity);
Identity read_identity(const boost::json::object& object);

/// Signs and checks this edge's tokens (RS256). A token is of one type and one audience, and is taken for
/// nothing else.
class Tokens {
 public:
  /// Makes the signing key at the first start.
  static Result<Tokens> open(KeyStore& keys);

  void set_issuer(std::string issuer) { issuer_ = std::move(issuer); }
  const std::string& issuer() const { return issuer_; }
  /// The groups that policies ask about, and the claims that principals come from. A person's token that was
  /// made when others were asked about is not taken any more: it cannot say whether the person is in the new
  /// ones.
  void set_asked(const std::vector<std::string>& groups, const std::vector<std::string>& claims);
  /// The identity providers that there are: a person's token of another one is not taken. One that names none
  /// was made before there could be several, and is the only provider's, if there is but one.
  void set_providers(std::vector<std::string> names) { providers_ = std::move(names); }

  std::string app_token(const Identity& identity, std::string_view aud, std::int64_t now,
                        std::chrono::seconds lifetime) const;
  std::string org_token(const Identity& identity, Holder holder, std::int64_t now,
                        std::chrono::seconds lifetime) const;
  /// Of what host the metadata are, and the name of its application.
  struct Served {
    std::string_view host;
    std::string_view app_name;
    std::string_view key_type;  ///< that its servers take, as auth::key_type_claim() has it; or empty
  };
  /// What tells a client which application a host belongs to.
  std::string metadata(const Served& served, std::string_view auth_domain, std::string_view aud,
                       std::int64_t now) const;

  std::optional<Identity> check_app(std::string_view compact, std::string_view aud, std::int64_t now) const;
  std::optional<Identity> check_org(std::string_view compact, std::int64_t now) const;

  /// `{"keys":[…],"public_cert":…,"public_certs":[…]}`
  const std::string& certs() const { return certs_; }
  const std::string& kid() const { return kid_; }

 private:
  Tokens(PKey key, std::string kid, std::string certs)
      : key_(std::move(key)), kid_(std::move(kid)), certs_(std::move(certs)) {}
  boost::json::object claims_of(const Identity& identity, std::string_view type, std::string_view aud,
                                std::int64_t now, std::chrono::seconds lifetime) const;
  std::string sign(const boost::json::object& claims) const;
  std::optional<Identity> check(std::string_view compact, std::string_view type, std::string_view aud,
                                std::int64_t now) const;
  std::string org_audience() const;

  PKey key_;
  std::string kid_;
  std::string certs_;
  std::string issuer_;
  std::string asked_;  ///< digest; empty: nothing
  std::vector<std::string> providers_;
};

/// The subject of a person at an issuer, who knows them by `name`, in the form of a UUID.
std::string subject_of(std::string_view issuer, std::string_view name);

}  // namespace cfpipe::edge
