#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"
#include "transport/http2/session.h"
#include "transport/net/socket_channel.h"

namespace cfpipe::transport {

/// Bytes that a connection collects for its socket: of one stream that has it for itself, and of several that
/// share it. A key press waits behind them.
inline constexpr std::size_t kH2Batch = 256 * 1024;
inline constexpr std::size_t kH2SharedBatch = kH2Batch / 4;

/// The socket of a connection as its session's output, which takes no more than the bounds above and one
/// frame. A failure to send is final; what the peer sent before can still be read.
class H2Wire final : public H2Output {
 public:
  using IoStatus = tunnel::IoStatus;
  H2Wire(std::unique_ptr<SocketChannel> channel, const H2Session& session);

  IoStatus put(std::span<const std::byte> bytes) override;
  /// Whether put() would take something; sends what it holds where that helps.
  bool has_room();
  std::size_t most_held() const { return session_.streams() > 1 ? kH2SharedBatch : kH2Batch; }
  void flush();
  bool failed() const { return failed_; }
  void fail() { failed_ = true; }
  /// Bytes: held here; all there were; those of them that the system has taken.
  std::size_t held() const { return channel_->held(); }
  std::uint64_t queued() const { return channel_->queued(); }
  std::uint64_t left() const { return channel_->queued() - channel_->held(); }
  bool in_flight() const { return channel_->in_flight(); }
  std::optional<std::chrono::milliseconds> backed_up() const { return channel_->backed_up(); }
  bool stranded() const { return channel_->stranded(); }
  IoStatus read(std::span<std::byte> into, std::size_t& bytes) { return channel_->read(into, bytes); }
  /// One-shot; dropped by close().
  void on_readable(std::function<void()> callback) { channel_->on_readable(std::move(callback)); }
  void on_writable(std::function<void()> callback) { channel_->on_writable(std::move(callback)); }
  void close();
  std::optional<Failure> refusal() { return channel_->refusal(); }

 private:
  const std::unique_ptr<SocketChannel> channel_;
  const H2Session& session_;
  bool failed_ = false;
};

}  // namespace cfpipe::transport
