#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

namespace cfpipe::transport {

class H2Carrier;

/// The loop of a connection and what keeps it alive, for its parts.
class H2Life {
 public:
  explicit H2Life(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// `connection` owns all parts.
  void begin(const std::shared_ptr<H2Carrier>& connection) { connection_ = connection; }
  /// Keeps the connection; null while it is being destroyed.
  std::shared_ptr<H2Carrier> hold() const { return connection_.lock(); }
  std::weak_ptr<H2Carrier> watch() const { return connection_; }
  /// Runs `task` from the loop, unless the connection is gone by then.
  template <class Task>
  void post(Task task) const {
    boost::asio::post(executor_, [weak = connection_, task = std::move(task)]() mutable {
      if (const auto self = weak.lock()) task();
    });
  }
  const boost::asio::any_io_executor& executor() const { return executor_; }

 private:
  boost::asio::any_io_executor executor_;
  std::weak_ptr<H2Carrier> connection_;
};

}  // namespace cfpipe::transport
