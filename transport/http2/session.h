#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "transport/http2/codes.h"
#include "transport/http2/flow_control.h"
#include "transport/http2/stream_sequence.h"
#include "tunnel/held_bytes.h"
#include "tunnel/stream.h"

struct nghttp2_session;

namespace cfpipe::transport {

enum class H2Role { client, server };

/// Header fields in their order, names in lower case, pseudo-headers (`:path`) first.
using H2Head = std::vector<std::pair<std::string, std::string>>;

/// A head that another one follows on its stream: `:status` is first, and 1xx.
bool is_interim(const H2Head& head);

/// Streams that a peer may have open on one connection, and that we open on one.
inline constexpr std::uint32_t kH2MaxStreams = 100;
/// A head that a client takes, and one that a server does, decoded, in bytes; each field counts 32 more
/// (RFC 9113 6.5.2).
inline constexpr std::size_t kH2MaxHeadBytes = 64 * 1024;
inline constexpr std::size_t kH2MaxRequestHeadBytes = 32 * 1024;
/// Bytes that write() may use in front of what it is given: a frame header (RFC 9113 4.1).
inline constexpr std::size_t kH2FrameHeader = 9;

/// Where a session's bytes go.
class H2Wire {
 public:
  virtual ~H2Wire() = default;
  /// All of it, or would_block, or failed.
  virtual tunnel::IoStatus put(std::span<const std::byte> bytes) = 0;
};

/// What a session's peer did. Called from inside receive() and send(): nothing else of the session may be
/// called from there.
class H2Events {
 public:
  virtual ~H2Events() = default;
  /// A request (server) or the final answer (client). `oversized`: fields beyond the bound are missing.
  virtual void h2_head(std::int32_t stream, H2Head head, bool oversized) = 0;
  virtual void h2_data(std::int32_t stream, std::span<const std::byte> data) = 0;
  /// The peer has ended its direction.
  virtual void h2_end(std::int32_t stream) = 0;
  /// The stream is over, both ways; no event of it follows.
  virtual void h2_closed(std::int32_t stream, std::uint32_t code) = 0;
};

/// One end of an HTTP/2 connection (RFC 9113), without its socket: bytes in, events out; calls in, bytes out.
/// Holds at most one write() per stream, and counts what has been received and not consumed: per stream at
/// most kH2MaxWindow, in all at most kH2ConnectionWindow.
class H2Session {
 public:
  using Clock = std::chrono::steady_clock;
  using IoStatus = tunnel::IoStatus;
  using Slice = tunnel::Slice;

  H2Session(H2Role role, H2Events& events, H2Wire& wire);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  /// False: the peer broke the protocol, or asks too much of us; why() says it, and one more send() tells it.
  bool receive(std::span<const std::byte> bytes, Clock::time_point now);
  /// All that may leave now. would_block: the wire's. failed: the wire's, or the session is over.
  IoStatus send();
  /// True once nothing is left to say or to hear.
  bool over() const;
  const std::string& why() const { return why_; }

  /// The peer's SETTINGS have come.
  bool settled() const { return settled_; }
  /// The peer takes extended CONNECT (RFC 8441 3).
  bool takes_websockets() const;
  /// Client: further streams the peer would take now; none after a GOAWAY.
  std::size_t streams_left() const;
  bool going_away() const { return going_away_; }
  std::size_t streams() const { return streams_.size(); }

  /// Client: opens a stream; its number, or 0.
  std::int32_t request(const H2Head& head, bool ends);
  /// Server: the answer's head; one with a status of 1xx is interim and never ends the stream.
  bool respond(std::int32_t stream, const H2Head& head, bool ends);

  /// Bytes that the windows let a write() of this stream pass on now; 0: it would take nothing.
  std::size_t room(std::int32_t stream) const;
  /// Takes all of `from` (or nothing) and passes on to the wire what windows and wire let through; the rest
  /// is held. `from` and the kH2FrameHeader bytes in front of it are scribbled on.
  IoStatus write(std::int32_t stream, Slice from);
  /// Bytes, and an end, that wait for windows or the wire.
  std::size_t held(std::int32_t stream) const;
  bool end_sent(std::int32_t stream) const;
  /// Bytes of all streams that wait for the wire alone: the windows have room for them.
  std::size_t waiting() const;
  /// Small frames of any stream that wait for the wire.
  std::size_t staged() const { return staged_.size(); }
  /// No write() will follow.
  void end(std::int32_t stream);
  void reset(std::int32_t stream, std::uint32_t code);
  /// Bytes of h2_data() that are no longer held by whoever got them; also after the stream has closed.
  /// True: there is credit to send.
  bool consumed(std::int32_t stream, std::size_t bytes);

  void ping();
  /// Server: tells the client that go_away() follows, by a GOAWAY that refuses nothing yet.
  void announce_end();
  /// No further streams from the peer: GOAWAY. What is open goes on.
  void go_away();
  /// Lets the peer send as much ahead as tunnels need; a server's peer has kH2UnprovenWindow before.
  void widen();

 private:
  struct Stream;
  struct Callbacks;
  friend struct Callbacks;
  Stream* find(std::int32_t stream) const;
  Stream& add(std::int32_t stream);
  void configure();
  bool broken(std::string why);
  IoStatus put_staged();
  void count_queued();
  bool credit_connection();
  void begin_sample();
  void end_sample();

  std::size_t max_head() const { return role_ == H2Role::server ? kH2MaxRequestHeadBytes : kH2MaxHeadBytes; }

  H2Role role_;
  H2Events& events_;
  H2Wire& wire_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, std::unique_ptr<Stream>> streams_;
  std::vector<std::byte> staged_;  ///< small frames on their way to the wire
  tunnel::HeldBytes queued_;       ///< those and the frames behind them
  H2Sequence sequence_;
  H2Patience patience_;
  H2Probe probe_;
  Clock::time_point now_{};  ///< of the last receive()
  std::size_t granted_ = 0;  ///< sum of the streams' windows
  std::size_t connection_window_;
  std::size_t unconsumed_ = 0;  ///< of all streams, those that are gone included
  bool settled_ = false;
  bool going_away_ = false;
  bool wire_failed_ = false;
  std::string why_;
};

}  // namespace cfpipe::transport
