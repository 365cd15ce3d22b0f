#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace cfpipe::edge {

/// How the site ends a tunnel that a wire's loop carries. The two share it (std::shared_ptr); either may be
/// gone before the other: once the tunnel is, its loop is not touched any more.
class TunnelEnd : public std::enable_shared_from_this<TunnelEnd> {
 public:
  using Told = std::function<void(const std::string& why)>;
  /// `executor`: of the loop that carries the tunnel.
  explicit TunnelEnd(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// From any thread; the first call counts. `why` is told to the client, and recorded.
  void dismiss(std::string why);

  // From the loop that carries the tunnel:
  /// Runs `told` on the loop, not from inside this call, once the tunnel is to end; also if that was said
  /// before.
  void on_dismissed(Told told);
  /// Nobody is to be told any more.
  void forget();

 private:
  void post();
  void tell();
  std::mutex mutex_;
  boost::asio::any_io_executor executor_;
  std::string why_;
  bool dismissed_ = false;
  Told told_;  // set and used on the loop
};

}  // namespace cfpipe::edge
