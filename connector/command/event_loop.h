#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>

namespace cfpipe::connector {

/// Runs a command that ends by itself on an event loop of its own; its exit status. SIGINT and SIGTERM end
/// the process as they usually do.
int run_to_end(const std::function<boost::asio::awaitable<int>()>& command);

}  // namespace cfpipe::connector
