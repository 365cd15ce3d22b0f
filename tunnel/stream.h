#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace cfpipe::tunnel {

using Slice = std::span<std::byte>;

enum class IoStatus { ok, would_block, eof, failed };

/// Bytes that a source leaves free in front of ready(), where the sink writes frame headers: WebSocket (14)
/// inside of HTTP/2 (9).
inline constexpr std::size_t kHeadroom = 32;

/// How a stream ended, after fill() or take() has returned eof or failed.
enum class End {
  open,      ///< it has not ended
  clean,     ///< the peer has sent its protocol's EOF
  cut,       ///< the connection ended without that
  silent,    ///< the peer stopped answering
  protocol,  ///< the peer broke the protocol
  local,     ///< our own descriptor failed
  dismissed  ///< the peer ended it because access was revoked
};

/// One side of a tunnel: a source and a sink of bytes, non-blocking, without copies where the kind allows it.
/// Used from one thread. Callbacks are one-shot, run from the executor, never from inside the call that sets
/// them; close() drops them.
class Stream {
 public:
  using Callback = std::function<void()>;
  virtual ~Stream() = default;

  /// Reads from the source; called when ready() is empty. ok: ready() is not empty now.
  virtual IoStatus fill() = 0;
  /// Bytes received and not consumed yet. The stream owns the memory; the caller may overwrite it, and the
  /// kHeadroom bytes in front of the first slice.
  virtual std::span<Slice> ready() = 0;
  virtual void consume(std::size_t bytes) = 0;
  virtual void on_readable(Callback callback) = 0;
  /// Nothing is read any more: what comes has no taker. A stream that has to hear its peer for what it sends
  /// itself goes on reading, and drops it.
  virtual void discard() {}

  struct Took {
    IoStatus status;  ///< ok: all bytes; would_block: `bytes` of them, wait for on_writable; failed
    std::size_t bytes;
  };
  /// Writes to the sink as much as its bound allows. The stream may hold the bytes until flush(). Where it
  /// fails, what the peer sent before is still read to its end.
  virtual Took take(std::span<Slice> slices) = 0;
  /// Sends held bytes. ok: none are held any more.
  virtual IoStatus flush() = 0;
  /// Marks the bytes taken as truncated: their source has failed. Called before finish(), which tells the
  /// peer. If the protocol cannot distinguish truncation from EOF, finish() sends nothing, and close() ends
  /// the connection.
  virtual void breaks_off() {}
  /// Sends EOF (shutdown, Close frame) after the last take(). ok when all bytes have left.
  virtual IoStatus finish() = 0;
  /// Asked each time that finish() has not been ok for kFinishLimit: true if there is progress, or if that is
  /// bounded elsewhere.
  virtual bool still_finishing() { return false; }
  /// Marks the end as imposed by this side: finish() tells the peer if the protocol can.
  virtual void dismiss(const std::string& why) { (void)why; }
  /// Marks the end as caused by the end of this process: finish() tells the peer if the protocol can.
  virtual void leave(const std::string& why) { (void)why; }
  virtual void on_writable(Callback callback) = 0;
  /// For when fill() has returned eof: the peer has gone, and take() would fail. Streams that can only tell
  /// by writing never call it.
  virtual void on_gone(Callback callback) { (void)callback; }

  /// True if the peer may go on sending after our finish(). If false, the stream ends within seconds of it
  /// even if the peer does not.
  virtual bool half_closes() const = 0;
  /// True if take() still works after fill() has returned eof.
  virtual bool open_after_eof() const = 0;
  virtual End end() const = 0;
  virtual std::string end_detail() const { return {}; }  ///< one printable line
  /// Of End::cut: the code in the Close frame of a WebSocket's peer (RFC 6455 7.4); 0 if there was none.
  virtual std::uint16_t peer_close_code() const { return 0; }
  /// Asks the peer for a sign of life: without one within `limit` the stream ends as silent. Streams that
  /// cannot ask do nothing.
  virtual void check(std::chrono::milliseconds limit) { (void)limit; }
  virtual void close() = 0;
};

}  // namespace cfpipe::tunnel
