#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>

#include "auth/ssh/certificate.h"
#include "cli/session/session.h"

namespace cfpipe::cli {

/// What a step of the doctor saw where nothing failed.
struct Seen {
  static Seen ok(std::string text) { return {false, std::move(text)}; }
  static Seen skip(std::string why) { return {true, std::move(why)}; }
  bool skipped;
  std::string detail;
};

/// `3 days`, `2 hours`, `59 minutes`, `12 seconds`: whole ones of the largest unit that there are two of.
std::string duration_text(std::int64_t seconds);
/// `ann`, or `ann, backup`; printable.
std::string principals_text(const auth::CertFields& certificate);

/// A token that a connect would go on with, and that the edge takes: from the cache, by the service token, or
/// for the org token. Never by a login: token_missing and token_rejected say what to do instead.
boost::asio::awaitable<Result<Secret>> token_without_login(const Session& session,
                                                           const auth::Application& app);

/// A certificate as the command of the installed block would log in with, or `access ssh` without a block:
/// the one on disk if that command reads it there and it is good; else one that the edge signs now, over a
/// key of the same kind. Neither the key nor that certificate is stored.
struct FoundCertificate {
  auth::CertFields fields;
  std::string key;         ///< in words: `an ed25519 key`
  std::string_view where;  ///< in words
};
boost::asio::awaitable<Result<FoundCertificate>> certificate_for(const Session& session,
                                                                 const Options& options,
                                                                 const auth::Application& app,
                                                                 const Secret& token);

/// Opens a tunnel, reads the line that an SSH server starts with (RFC 4253 4.2), and ends it. Failures: dns
/// to tunnel; origin_silent, not_ssh, ssh_shuts_out. `token`: null for none.
boost::asio::awaitable<Result<std::string>> read_banner(Session& session, const Options& options,
                                                        const Secret* token);

}  // namespace cfpipe::cli
