#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "auth/certificate/key_files.h"
#include "auth/certificate/user_certificate.h"
#include "auth/certificate/user_key.h"
#include "auth/discovery/context.h"

namespace cfpipe::auth {

/// Most seconds by which a certificate's clock may be ahead of the `Date` of the response.
inline constexpr std::int64_t kCertMaxSkew = 300;

/// A certificate for the public key of `key_blob` from the application's CA (access-protocol, "The
/// short-lived certificate"). The token's issuer must be a trusted auth domain, since it receives the token.
/// Tells the observer if the certificate is not valid by this machine's clock. Stage::certificate:
/// sign_refused, certificate_invalid; and dns to http.
boost::asio::awaitable<Result<Certificate>> sign_key(const Access& access, const Secret& app_token,
                                                     std::string key_blob);

/// The certificate in a response of cert_sign: for that key, and valid at `now` by the clock of the `Date`
/// header. Otherwise a failure with the edge's reason in one line.
Result<Certificate> read_sign_answer(const transport::HttpAnswer& answer, std::string_view key_blob,
                                     std::int64_t now);

/// Whether the certificate is valid at `now` (Unix seconds).
bool valid_at(const CertFields& fields, std::int64_t now);

/// The key to certify for these files: the one on disk if it has the given `type`, if any; else a new one of
/// `type` or kDefaultKeyType. Stage::state.
Result<SshKey> key_to_certify(const KeyFiles& files, std::optional<KeyType> type);

/// The pair on disk if it is still good; else a certificate over the key on disk, or over a new one, stored.
/// With a `type` the key has to be of that one.
boost::asio::awaitable<Result<KeyAndCertificate>> renew_key_files(const Access& access, const KeyFiles& files,
                                                                  const Secret& app_token,
                                                                  std::optional<KeyType> type);

/// The same for a key of the user's: the certificate on disk, or a new one, stored.
boost::asio::awaitable<Result<Certificate>> renew_user_certificate(const Access& access,
                                                                   const UserCertificate& files,
                                                                   const UserKey& key,
                                                                   const Secret& app_token);

/// Whether another token may help: the edge rejected the token, not the user or the request.
bool token_was_refused(const Failure& failure);

}  // namespace cfpipe::auth
