#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace cfpipe::tunnel {

using Slice = std::span<std::byte>;

enum class IoStatus { ok, would_block, eof, failed };

/// Bytes that a source leaves free in front of what it offers, for the sink to put frame headers there: of a
/// WebSocket (14) inside of HTTP/2 (9).
inline constexpr std::size_t kHeadroom = 32;

/// How a stream came to its end, once fill() or take() said eof or failed.
enum class End {
  open,      ///< it has not
  clean,     ///< the peer said it was done, in the words of its protocol
  cut,       ///< the connection went away without that
  silent,    ///< the peer stopped answering
  protocol,  ///< the peer broke the protocol
  local,     ///< our own descriptor failed
  dismissed  ///< the peer ended it, saying that there is no access any more
};

/// One side of a tunnel: a source and a sink of bytes, non-blocking, without copies where the kind allows it.
/// Used from one thread. Callbacks are one-shot, run from the executor, never from inside the call that sets
/// them; close() drops them.
class Stream {
 public:
  using Callback = std::function<void()>;
  virtual ~Stream() = default;

  /// Source. fill() is called when ready() is empty. ok: ready() is not empty now.
  virtual IoStatus fill() = 0;
  /// What was received and not consumed yet. The memory is the stream's; the caller may scribble on it and,
  /// in front of the first slice, on the kHeadroom bytes before it.
  virtual std::span<Slice> ready() = 0;
  virtual void consume(std::size_t bytes) = 0;
  virtual void on_readable(Callback callback) = 0;

  struct Took {
    IoStatus status;  ///< ok: all of it; would_block: `bytes` of it, wait for on_writable; failed
    std::size_t bytes;
  };
  /// Sink. Takes as much as its bound allows. Bytes taken may still be held here until flush().
  virtual Took take(std::span<Slice> slices) = 0;
  /// ok: nothing is held here any more.
  virtual IoStatus flush() = 0;
  /// What was taken is not the whole: its source has broken off. Before finish(), which says so where the
  /// protocol has words for it. A peer that would take a break for an end is told nothing: its connection is
  /// left to whoever closes it.
  virtual void breaks_off() {}
  /// No more take() will follow: passes the end on (shutdown, Close frame). ok when all has left.
  virtual IoStatus finish() = 0;
  /// What follows is an end that we impose: a protocol that has words for it tells the peer so in finish().
  virtual void dismiss(const std::string& why) { (void)why; }
  virtual void on_writable(Callback callback) = 0;

  /// True if the peer goes on sending after our finish(). Where it does not, the stream itself ends, within
  /// seconds, if the peer does not.
  virtual bool half_closes() const = 0;
  /// True if take() still works once fill() has said eof.
  virtual bool open_after_eof() const = 0;
  virtual End end() const = 0;
  virtual std::string end_detail() const { return {}; }  ///< printable, for a person
  /// Of End::cut: the code in the Close frame of a WebSocket's peer (RFC 6455 7.4); 0 if there was none.
  virtual std::uint16_t peer_close_code() const { return 0; }
  virtual void close() = 0;
};

}  // namespace cfpipe::tunnel
