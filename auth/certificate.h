#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>

#include "auth/access.h"
#include "auth/key_files.h"

namespace cfpipe::auth {

/// How far the clock that made a certificate may be ahead of ours, in seconds.
inline constexpr std::uint64_t kCertMaxSkew = 300;

/// Has the application's CA sign `key` (access-protocol, "The short-lived certificate"). The token's issuer
/// must be a trusted auth domain: it is sent the token. Stage::certificate: sign_refused,
/// certificate_invalid; and dns to http.
boost::asio::awaitable<Result<Certificate>> sign_key(const Access& access, const Secret& app_token,
                                                     const SshKey& key);

/// The answer of cert_sign: a certificate over `key` that is valid at `now`, or what the edge said, in one
/// line.
Result<Certificate> read_sign_answer(const transport::HttpAnswer& answer, const SshKey& key,
                                     std::uint64_t now);

/// The pair on disk if it is still good; else a certificate over the key on disk, or over a new one, stored.
boost::asio::awaitable<Result<KeyAndCertificate>> renew_key_files(const Access& access, const KeyFiles& files,
                                                                  const Secret& app_token);

/// True if another token may help: the edge refused the one it was given, rather than us or the request.
bool token_was_refused(const transport::Failure& failure);

}  // namespace cfpipe::auth
