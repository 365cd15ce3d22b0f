#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "pki.h"

namespace edge_mock {

/// Who a token speaks for: one of the two is set.
struct Identity {
  std::string email;
  std::string common_name;  ///< of a service token
};

struct Checked {
  enum class State { good, expired, bad } state = State::bad;
  Identity who;
};

/// Makes and checks every JWT of the edge (RS256), and publishes its keys.
class Tokens {
 public:
  /// Keys live in DIR, so tokens outlive a restart over the same state.
  explicit Tokens(const std::string& dir);

  /// Known only once the listening port is.
  void set_auth_domain(std::string auth_domain) { auth_domain_ = std::move(auth_domain); }
  const std::string& auth_domain() const { return auth_domain_; }
  std::string issuer() const { return "https://" + auth_domain_; }
  /// What tokens say of their issuer instead.
  void set_claimed_issuer(std::string issuer) { claimed_issuer_ = std::move(issuer); }

  std::string app_token(const Identity& who, const std::string& aud, std::int64_t ttl) const;
  std::string org_token(const std::string& email) const;
  Checked check_app(std::string_view token, const std::string& aud) const;
  /// An app token of any application of this edge, as cert_sign gets it.
  Checked check_any_app(std::string_view token) const;
  Checked check_org(std::string_view token) const;

  enum class Signature { good, wrong, none };
  std::string sign(const boost::json::object& claims, Signature signature = Signature::good) const;

  /// `{"keys":[…],"public_certs":[…]}`: an older key that does not sign any more, then the signing
  /// key.
  std::string key_set() const;

  static std::int64_t expiry(std::string_view token);  ///< the `exp` claim of a token made here

 private:
  std::string signature_of(std::string_view input) const;
  std::optional<boost::json::object> verify(std::string_view token) const;
  Checked check(std::string_view token, std::string_view type, const std::string* aud) const;

  std::string claimed_issuer() const { return claimed_issuer_.empty() ? issuer() : claimed_issuer_; }

  Key key_;
  std::string kid_;
  std::string old_modulus_;
  std::string auth_domain_;
  std::string claimed_issuer_;
};

}  // namespace edge_mock
