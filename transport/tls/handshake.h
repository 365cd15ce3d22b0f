#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "transport/tls/engine.h"
#include "transport/tls/wire.h"

namespace cfpipe::transport {

/// The handshakes of a connection, and what may pass before they are finished.
class TlsHandshake {
 public:
  using Clock = std::chrono::steady_clock;
  TlsHandshake(TlsEngine& engine, TlsWire& wire) : engine_(engine), wire_(wire) {}
  TlsHandshake(const TlsHandshake&) = delete;
  TlsHandshake& operator=(const TlsHandshake&) = delete;

  /// As TlsChannel's functions of these names.
  boost::asio::awaitable<Result<void>> run(std::chrono::milliseconds limit, std::string host,
                                           std::string_view early);
  boost::asio::awaitable<Result<void>> accept(std::chrono::milliseconds limit, std::string peer);
  boost::asio::awaitable<Result<void>> establish(std::chrono::milliseconds limit, std::string peer);
  bool early_data_accepted() const { return early_accepted_; }
  /// After reading: whatever waits for the end of early data is done when that has come.
  void settle();

 private:
  boost::asio::awaitable<Result<void>> exchange(int error, Clock::time_point deadline,
                                                const std::string& host);
  boost::asio::awaitable<Result<void>> read_early(Clock::time_point deadline, const std::string& peer);
  void bound(Clock::time_point deadline);

  TlsEngine& engine_;
  TlsWire& wire_;
  std::unique_ptr<boost::asio::steady_timer> deadline_;  ///< of a handshake that goes on behind early data
  bool early_accepted_ = false;
};

}  // namespace cfpipe::transport
