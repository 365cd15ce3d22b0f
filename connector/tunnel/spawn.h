#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <functional>
#include <utility>

#include "base/log.h"

namespace cfpipe::connector {

/// Runs what opens a tunnel, and says so where the system lacks what that takes. `done`: whatever comes of
/// it.
inline void spawn(
    const boost::asio::any_io_executor& executor, boost::asio::awaitable<void> opening,
    std::function<void()> done = [] {}) {
  boost::asio::co_spawn(
      executor, std::move(opening), [done = std::move(done)](const std::exception_ptr& thrown) {
        if (thrown)
          spdlog::error("a tunnel could not be opened: the system is short of memory or descriptors");
        done();
      });
}

}  // namespace cfpipe::connector
