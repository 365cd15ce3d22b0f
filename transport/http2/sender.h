#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "transport/http2/exchange.h"
#include "transport/http2/life.h"
#include "transport/http2/stream.h"
#include "transport/http2/stream_table.h"
#include "transport/http2/watch.h"

namespace cfpipe::transport {

/// What the streams of a connection have to say, in turns: one stream at a time writes, up to a bound, in the
/// order in which they came.
class H2Sender final : public H2Carrier {
 public:
  using IoStatus = tunnel::IoStatus;
  H2Sender(const H2Life& life, H2Exchange& exchange, H2StreamTable& streams, H2Watch& watch)
      : life_(life), exchange_(exchange), streams_(streams), watch_(watch) {}
  H2Sender(const H2Sender&) = delete;
  H2Sender& operator=(const H2Sender&) = delete;

  /// Wakes the next stream that can go on.
  void wake();

  boost::asio::any_io_executor executor() override { return life_.executor(); }
  IoStatus write(H2Stream& stream, tunnel::Slice from) override;
  IoStatus flush(H2Stream& stream) override;
  IoStatus end(H2Stream& stream) override;
  bool respond(H2Stream& stream, const H2Head& head, bool ends) override;
  void consumed(H2Stream& stream, std::size_t bytes) override;
  void wait_writable(H2Stream& stream) override;
  std::size_t room(const H2Stream& stream) const override;
  bool in_flight(const H2Stream& stream) const override;
  std::optional<std::chrono::milliseconds> backed_up(const H2Stream& stream) const override;
  void check(std::chrono::milliseconds limit) override { watch_.check(limit); }
  void drop(H2Stream& stream, std::size_t unread) override;

 private:
  using Wants = H2Stream::Turn::Wants;
  bool has_left(H2Stream& stream);
  bool can_go_on(H2Stream& stream);
  void wake_soon(std::int32_t stream);

  const H2Life& life_;
  H2Exchange& exchange_;
  H2StreamTable& streams_;
  H2Watch& watch_;
  std::deque<std::int32_t> waiters_;  ///< in the order of their turns
  bool waking_ = false;
};

}  // namespace cfpipe::transport
