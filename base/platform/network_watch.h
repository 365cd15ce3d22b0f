#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace cfpipe {

/// Changes come in bursts: one is reported when none has followed for kNetworkSettles, or kNetworkReport
/// after the first.
inline constexpr std::chrono::milliseconds kNetworkSettles{200};
inline constexpr std::chrono::milliseconds kNetworkReport{1'000};

/// Tells when this machine's addresses or routes have changed (rtnetlink(7)). Where the system does not
/// tell, nothing is reported.
class NetworkWatch {
 public:
  /// `changed` is called from the executor until this is destroyed.
  NetworkWatch(boost::asio::any_io_executor executor, std::function<void()> changed);
  ~NetworkWatch();
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  /// Whether the system tells.
  bool works() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cfpipe
