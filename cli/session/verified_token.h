#pragma once

#include <boost/asio/awaitable.hpp>

#include "cli/session/session.h"

namespace cfpipe::cli {

/// An app token that the edge has just taken: cached, or from a login. One that it does not take is dropped
/// for another, once. Empty where nobody has to sign in, and nobody can. Any Failure from state to http.
boost::asio::awaitable<Result<auth::Secret>> verified_token(const Session& session);

/// Whether the edge takes the token: it sends one that it does not take to the login page. Failures: dns to
/// http.
boost::asio::awaitable<Result<bool>> edge_takes(const Session& session, const auth::Secret& token);

}  // namespace cfpipe::cli
