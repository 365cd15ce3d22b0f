#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/secret.h"
#include "edge/config/config.h"
#include "edge/limits/fair_slots.h"
#include "edge/limits/party.h"
#include "edge/monitoring/metrics.h"
#include "edge/oidc/claims.h"

namespace cfpipe::edge {

/// How long what a provider says of itself and its keys are believed without asking again, how long the
/// former is at most while the provider does not answer, and the least time between two fetches of keys
/// because of a token whose key is not known, and after a fetch that failed. In seconds.
inline constexpr std::int64_t kDiscoverySeconds = 3600;
inline constexpr std::int64_t kStaleDiscoverySeconds = 24 * 3600;
inline constexpr std::int64_t kKeysSeconds = 3600;
inline constexpr std::int64_t kForcedKeysSeconds = 30;
inline constexpr std::int64_t kFailedFetchSeconds = 5;
/// Sign-ins that may be waiting for the provider at once, in all and from one address, and those that wait
/// for one of these to end. A provider that takes half a second for each serves 32 a second of an office
/// behind one address, and four such at once.
inline constexpr FairSlots::Limits kProviderCalls{64, 16, 1'024, 128, std::chrono::milliseconds(15'000)};
/// Requests that may wait for one answer about the provider itself, its metadata or its keys.
inline constexpr std::size_t kMaxWaitingForProvider = 1'024;
/// Longest algorithm of a signature that is repeated, in bytes.
inline constexpr std::size_t kMaxAlgorithmBytes = 32;
/// Longest authorization code that is passed on, in bytes.
inline constexpr std::size_t kMaxProviderCodeBytes = 4 * 1024;

/// One sign-in at the provider, as the edge remembers it meanwhile.
struct AuthorizationRequest {
  std::string redirect_uri;
  std::string state;
  std::string nonce;
  std::string verifier;       ///< RFC 7636 4.1: 43 to 128 unreserved characters
  bool another_user = false;  ///< the provider asks for a login even if a user is signed in there
};

/// What came back from the provider through the browser.
struct ProviderReturn {
  std::string code;
  std::string issuer;  ///< parameter `iss` (RFC 9207), or empty
};

/// An identity provider that people sign in at: OpenID Connect's authorization code flow with PKCE. All
/// failures are fit to be shown; none holds a secret. Cause::denied is about the person, all others about the
/// provider. Of one loop; may be destroyed while a call waits, which then must not be resumed.
class Oidc {
 public:
  using Now = std::function<std::int64_t()>;

  /// Reads the client's secret, and the proxy's login: Stage::config if that cannot be used.
  static Result<std::unique_ptr<Oidc>> make(boost::asio::any_io_executor executor, const OidcConfig& config,
                                            WantedClaims wanted, Now now);

  /// Where the browser is to be sent. Waits for nothing while the provider's metadata is known.
  boost::asio::awaitable<Result<std::string>> authorization_url(const AuthorizationRequest& sign_in);
  /// Makes the code that came back into who has signed in, once it is the turn of the address `from`.
  /// Cause::too_many_requests: the turn has not come in time.
  boost::asio::awaitable<Result<Person>> redeem(const AuthorizationRequest& sign_in,
                                                const ProviderReturn& back, PartyKey from);
  /// Where a browser is to be sent to sign out there too (RP-Initiated Logout 1.0, 2); nothing if the
  /// provider offers none, or is not to be asked. `id_token` may be empty.
  boost::asio::awaitable<std::optional<std::string>> sign_out_url(const std::string& id_token,
                                                                  const std::string& back_to);
  /// Fetches the provider's metadata, so that the administrator who starts the edge sees what is wrong.
  boost::asio::awaitable<Result<void>> look();
  /// What requests to it have met; nothing before the first has ended.
  const std::optional<ProviderHealth>& health() const;

 private:
  struct Impl;
  explicit Oidc(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace cfpipe::edge
