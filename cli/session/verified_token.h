#pragma once

#include <boost/asio/awaitable.hpp>

#include "cli/session/session.h"

namespace cfpipe::cli {

/// An app token that the edge has just accepted: cached, or from a login. A rejected one is replaced once.
/// Empty if the application needs no login and has none. Any Failure from state to http.
boost::asio::awaitable<Result<Secret>> verified_token(const Session& session);

/// Whether the edge accepts the token: it redirects to the login page otherwise. Failures: dns to http.
boost::asio::awaitable<Result<bool>> edge_takes(const Session& session, const Secret& token);

/// Whether users can sign in on the login page: an application that needs no login may have none. Failures:
/// dns to http.
boost::asio::awaitable<Result<bool>> people_sign_in(const auth::Access& access, const auth::Application& app);

}  // namespace cfpipe::cli
