#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>

namespace cfpipe {

/// Watches the files of a directory whose names begin with `name_start`: created, replaced, written, removed
/// (inotify). Without inotify, and for what it does not report, such as a process that died, the bound of
/// changed() is the polling interval.
class DirWatch {
 public:
  DirWatch(boost::asio::any_io_executor executor, const std::string& path, std::string name_start);
  /// Returns at the next change since the last call, or after `at_most`.
  boost::asio::awaitable<void> changed(std::chrono::milliseconds at_most);

 private:
  bool take_events();
  boost::asio::posix::stream_descriptor events_;
  std::shared_ptr<boost::asio::steady_timer> timer_;
  std::string name_start_;
};

}  // namespace cfpipe
