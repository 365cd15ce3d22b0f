#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "transport/http2/codes.h"
#include "transport/http2/flow_control.h"
#include "transport/http2/receive_windows.h"
#include "transport/http2/stage.h"
#include "transport/http2/stream_sequence.h"
#include "tunnel/stream.h"

struct nghttp2_session;

namespace cfpipe::transport {

enum class H2Role { client, server };

/// Header fields in their order, names in lower case, pseudo-headers (`:path`) first.
using H2Head = std::vector<std::pair<std::string, std::string>>;

/// Whether the head is interim, and another one follows on its stream: `:status` is first, and 1xx.
bool is_interim(const H2Head& head);

/// Most open streams of one connection, of the peer and of ours.
inline constexpr std::uint32_t kH2MaxStreams = 100;
/// Largest decoded head that a client and a server accept, in bytes; each field counts 32 more (RFC 9113
/// 6.5.2).
inline constexpr std::size_t kH2MaxHeadBytes = 64 * 1024;
inline constexpr std::size_t kH2MaxRequestHeadBytes = 32 * 1024;
inline constexpr std::size_t max_head_bytes(H2Role role) {
  return role == H2Role::server ? kH2MaxRequestHeadBytes : kH2MaxHeadBytes;
}
/// Bytes in front of its argument that write() overwrites with a frame header (RFC 9113 4.1).
inline constexpr std::size_t kH2FrameHeader = 9;

/// Events from a session's peer. Called from inside receive() and send(); they must not call the session.
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
/// Holds at most one write() per stream, and what H2Stage does.
class H2Session {
 public:
  using Clock = std::chrono::steady_clock;
  using IoStatus = tunnel::IoStatus;
  using Slice = tunnel::Slice;

  /// `nuisance`: the peer's budget for frames that carry nothing.
  H2Session(H2Role role, H2Events& events, H2Output& output, H2NuisanceBudget nuisance = H2NuisanceBudget());
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  /// Parses bytes of the peer. False if it violated the protocol or a bound: why() has the reason, and one
  /// more send() tells the peer.
  bool receive(std::span<const std::byte> bytes, Clock::time_point now);
  /// Sends all that may leave now. would_block and failed are the output's; failed also if the session is
  /// over.
  IoStatus send();
  /// True once there is nothing left to send or to receive.
  bool over() const;
  const std::string& why() const { return why_; }

  /// Whether the peer's SETTINGS have arrived.
  bool settled() const { return settled_; }
  /// Whether the peer supports extended CONNECT (RFC 8441 3).
  bool takes_websockets() const;
  /// Client: further streams that the peer's limit allows now; 0 after a GOAWAY.
  std::size_t streams_left() const;
  bool going_away() const { return going_away_; }
  std::size_t streams() const;

  /// Client: opens a stream; its number, or 0.
  std::int32_t request(const H2Head& head, bool ends);
  /// Server: the answer's head; one with a status of 1xx is interim and never ends the stream.
  bool respond(std::int32_t stream, const H2Head& head, bool ends);

  /// Bytes that the windows let a write() of this stream pass on now; 0: it would take nothing.
  std::size_t room(std::int32_t stream) const;
  /// Takes all of `from` (or nothing), passes on what windows and output accept, and holds the rest.
  /// Overwrites `from` and the kH2FrameHeader bytes in front of it.
  IoStatus write(std::int32_t stream, Slice from);
  /// Bytes, and an end, that wait for windows or the output.
  std::size_t held(std::int32_t stream) const;
  bool end_sent(std::int32_t stream) const;
  /// Bytes of all streams that wait for the output only: the windows have room for them.
  std::size_t waiting() const;
  /// Bytes of small frames of any stream that wait for the output.
  std::size_t staged() const { return stage_.bytes(); }
  /// No write() will follow.
  void end(std::int32_t stream);
  void reset(std::int32_t stream, std::uint32_t code);
  /// Reports that the receiver no longer holds `bytes` of h2_data(); also after the stream has closed. True:
  /// there is credit to send.
  bool consumed(std::int32_t stream, std::size_t bytes);

  void ping();
  /// Server: announces go_away() by a GOAWAY that rejects no stream yet.
  void announce_end();
  /// Rejects further streams of the peer (GOAWAY); open ones go on.
  void go_away();
  /// Widens the connection's window from kH2UnprovenWindow to what tunnels need.
  void widen();

 private:
  struct Stream;
  class Streams;
  struct Callbacks;
  friend struct Callbacks;
  bool broken(std::string why);

  H2Role role_;
  H2Events& events_;
  nghttp2_session* session_ = nullptr;
  std::unique_ptr<Streams> streams_;
  H2Stage stage_;
  H2ReceiveWindows windows_;
  H2Sequence sequence_;
  H2NuisanceBudget nuisance_;
  Clock::time_point now_{};  ///< of the last receive()
  bool settled_ = false;
  bool going_away_ = false;
  std::string why_;
};

}  // namespace cfpipe::transport
