#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tunnel/stream.h"

namespace cfpipe::tunnel {

/// `stream` with `first` in front of what it brings.
std::unique_ptr<Stream> put_in_front(boost::asio::any_io_executor executor, std::string first,
                                     std::unique_ptr<Stream> stream);

/// What two ends say to each other on a stream before it is relayed.
class Preamble {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  Preamble(boost::asio::any_io_executor executor, std::unique_ptr<Stream> stream);

  /// The next byte, which stays unread. Nothing: the stream has ended, or it is late.
  boost::asio::awaitable<std::optional<char>> peek(Deadline deadline);
  void skip(std::size_t bytes) { read_.erase(0, bytes); }
  /// The next line of at most `most` bytes, with its LF. Nothing, and nothing is read: it is longer, or late,
  /// or the stream has ended.
  boost::asio::awaitable<std::optional<std::string>> line(std::size_t most, Deadline deadline);
  /// False: it was not sent.
  boost::asio::awaitable<bool> say(std::string_view text, Deadline deadline);
  /// Sends the end, and waits for the other's, so that what was said arrives in front of it. What comes
  /// meanwhile is dropped.
  boost::asio::awaitable<void> end(Deadline deadline);
  /// Ends what is waited for, as if it were late, wherever the preamble has been moved to.
  std::function<void()> stopper() const;
  /// Back in front of what is read next.
  void unread(std::string_view text) { read_.insert(0, text); }

  /// Ends the preamble: the stream from here on.
  std::unique_ptr<Stream> stream() &&;

 private:
  struct Event {
    explicit Event(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;  ///< cancelled when there is something to do
    bool stopped = false;
  };

  boost::asio::awaitable<bool> more(Deadline deadline);
  boost::asio::awaitable<bool> wait(Deadline deadline);

  boost::asio::any_io_executor executor_;
  std::unique_ptr<Stream> stream_;
  std::string read_;  ///< and not told
  std::shared_ptr<Event> event_;
};

}  // namespace cfpipe::tunnel
