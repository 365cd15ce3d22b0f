#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "cli/session/session.h"

namespace cfpipe::cli {

/// On whose behalf. Neither, with a service token and no certificate to make: then the headers are all it
/// takes. No token either if the application seems to need no login.
struct Credentials {
  std::optional<auth::Application> app;
  std::optional<Secret> token;
  std::optional<Failure> unless_open;  ///< what is wrong if the tunnel does not open without a token
  bool check_later = false;            ///< the application was known and is due for another look
};
using CredentialsPtr = std::shared_ptr<const Credentials>;

/// From the state directory if `believe_known` and all is good there, else asked for, with a login if that is
/// needed. Any Failure from state to login.
boost::asio::awaitable<Result<CredentialsPtr>> find_credentials(const Session& session,
                                                                const Options& options, bool believe_known);

}  // namespace cfpipe::cli
