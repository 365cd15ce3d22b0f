#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/platform/own_file.h"
#include "edge/config/listen_address.h"
#include "edge/http/request.h"

namespace cfpipe::edge {

/// Bounds of the listener for those who run the edge: connections at once, bytes of a request's head, and how
/// long one may take from its first byte to the last of its answer.
inline constexpr std::size_t kMaxAdminConnections = 16;
inline constexpr std::uint32_t kMaxAdminHeadBytes = 8 * 1024;
inline constexpr std::chrono::seconds kAdminDeadline{10};

/// A listener for monitoring: plain HTTP/1.1, GET and HEAD only, one request per connection. It has no
/// authentication, so only monitoring may be able to reach its address.
class Admin {
 public:
  using Answers = std::function<Answer(std::string_view path)>;
  /// Listens, and asks `answers` on the executor's loop from then on. Stage::config. `given`: a socket that
  /// listens already, perhaps other processes' too.
  static Result<std::unique_ptr<Admin>> open(boost::asio::any_io_executor executor, const Listener& listen,
                                             Answers answers, Fd given = {});
  /// Ends the listener; `answers` is not called any more.
  ~Admin();
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  boost::asio::ip::tcp::endpoint endpoint() const;

 private:
  struct Impl;
  explicit Admin(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace cfpipe::edge
