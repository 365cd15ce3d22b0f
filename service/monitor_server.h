#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cfpipe::service {

/// Bounds of a listener for those who run a service: connections at once, bytes of a request's head, and how
/// long one may take from its first byte to the last of its answer.
inline constexpr std::size_t kMaxMonitorConnections = 16;
inline constexpr std::uint32_t kMaxMonitorHeadBytes = 8 * 1024;
inline constexpr std::chrono::seconds kMonitorDeadline{10};

struct MonitorAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
};

/// Answers monitoring on a socket that listens: plain HTTP/1.1, GET and HEAD only, one request per
/// connection. It has no authentication, so only monitoring may be able to reach its address.
class MonitorServer {
 public:
  using Answers = std::function<MonitorAnswer(std::string_view path)>;
  /// `answers` is called on the acceptor's loop from then on.
  MonitorServer(boost::asio::ip::tcp::acceptor acceptor, Answers answers);
  /// Ends the listener; `answers` is not called any more.
  ~MonitorServer();
  MonitorServer(const MonitorServer&) = delete;
  MonitorServer& operator=(const MonitorServer&) = delete;

  boost::asio::ip::tcp::endpoint endpoint() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// A text for people.
MonitorAnswer monitor_text(int status, std::string text);

}  // namespace cfpipe::service
