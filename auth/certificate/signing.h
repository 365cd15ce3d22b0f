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

/// How far the clock that made a certificate may be ahead of the one that dated the answer, in seconds.
inline constexpr std::int64_t kCertMaxSkew = 300;

/// Has the application's CA certify the public key of `key_blob` (access-protocol, "The short-lived
/// certificate"). The token's issuer must be a trusted auth domain: it is sent the token. Tells the observer
/// if the certificate is not valid by this machine's clock. Stage::certificate: sign_refused,
/// certificate_invalid; and dns to http.
boost::asio::awaitable<Result<Certificate>> sign_key(const Access& access, const Secret& app_token,
                                                     std::string key_blob);

/// The answer of cert_sign: a certificate over that key that is valid at `now` by the clock of the answer's
/// `Date`, or what the edge said, in one line.
Result<Certificate> read_sign_answer(const transport::HttpAnswer& answer, std::string_view key_blob,
                                     std::int64_t now);

/// True if the certificate is valid by the clock that has `now`.
bool valid_at(const CertFields& fields, std::int64_t now);

/// The key that is certified for these files: the one on disk, unless a `type` is named and it is of another;
/// else a new one, of `type` or kDefaultKeyType. Stage::state.
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

/// True if another token may help: the edge refused the one it was given, rather than us or the request.
bool token_was_refused(const transport::Failure& failure);

}  // namespace cfpipe::auth
