#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>

#include "tunnel/buffer_pool.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// A non-blocking byte channel under a WebSocket: a TLS connection, or a stream of an HTTP/2 connection. Used
/// from one thread.
class Channel {
 public:
  using IoStatus = tunnel::IoStatus;
  Channel() = default;
  virtual ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Reads plain text into `into`, as much as has arrived and fits. eof: the peer has sent the protocol's
  /// EOF. failed: the connection is gone.
  virtual IoStatus read(std::span<std::byte> into, std::size_t& bytes) = 0;
  /// The same into `into`, behind tunnel::kHeadroom bytes, at most `size`; `got` says where. Without a copy
  /// where what has come lies in such a buffer already, which then is what `into` becomes.
  virtual IoStatus read_into(tunnel::PooledBuffer& into, std::size_t size, tunnel::Slice& got) {
    into.take(tunnel::kHeadroom + size);
    std::size_t bytes = 0;
    const auto status = read({into.data() + tunnel::kHeadroom, size}, bytes);
    got = {into.data() + tunnel::kHeadroom, bytes};
    return status;
  }
  /// Takes all of `from` (at most kMaxChannelWrite), or nothing: would_block while the buffer is full. With
  /// an empty `from`, tells whether bytes would be taken. flush() sends them.
  virtual IoStatus write(std::span<const std::byte> from) = 0;
  /// The same from memory that may be overwritten, including the kChannelHeadroom bytes in front of it.
  virtual IoStatus write_in_place(tunnel::Slice from) { return write(from); }
  /// Sends held bytes. ok: none are held any more.
  virtual IoStatus flush() = 0;
  /// Queues EOF for our direction (once) and flushes.
  virtual IoStatus close_notify() = 0;

  /// One-shot; dropped by close(). Never run from inside the call.
  virtual void on_readable(std::function<void()> callback) = 0;
  virtual void on_writable(std::function<void()> callback) = 0;
  /// The same: the peer takes nothing more, whatever it has said before. A channel that can only tell by
  /// writing never calls it.
  virtual void on_gone(std::function<void()> callback) { (void)callback; }

  /// The same as awaits, false when `deadline` passed or the channel was closed. For control flow, not the
  /// data path.
  virtual boost::asio::awaitable<bool> readable(std::chrono::steady_clock::time_point deadline) = 0;
  virtual boost::asio::awaitable<bool> writable(std::chrono::steady_clock::time_point deadline) = 0;

  /// True while the peer's system has not acknowledged all written bytes.
  virtual bool in_flight() const = 0;
  /// Time since the peer's system last acknowledged, while our bytes wait for a peer that is slow or does not
  /// read but whose system answers. Nothing otherwise.
  virtual std::optional<std::chrono::milliseconds> backed_up() const = 0;
  /// True if this machine has lost the address of its end, so that no answer can come.
  virtual bool stranded() const { return false; }
  /// Of a channel that shares its connection with others: asks the connection's peer for a sign of life, and
  /// all of them end if none comes within `limit`.
  virtual void check_connection(std::chrono::milliseconds limit) { (void)limit; }
  virtual void close() = 0;
  /// True if close() with unread input may discard bytes that the peer has not read yet: see linger().
  virtual bool resets_on_close() const { return false; }
  virtual boost::asio::any_io_executor executor() = 0;
};

/// Bytes that write_in_place() may use for a frame header of its own.
inline constexpr std::size_t kChannelHeadroom = 9;
/// Largest write() in bytes.
inline constexpr std::size_t kMaxChannelWrite = 128 * 1024;

}  // namespace cfpipe::transport
