#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "transport/http2/incoming.h"
#include "transport/http2/session.h"
#include "transport/net/channel.h"

namespace cfpipe::transport {

class H2Stream;

/// What a stream needs of the connection that carries it.
class H2Carrier {
 public:
  virtual ~H2Carrier() = default;
  virtual boost::asio::any_io_executor executor() = 0;
  virtual tunnel::IoStatus write(H2Stream& stream, tunnel::Slice from) = 0;
  virtual tunnel::IoStatus flush(H2Stream& stream) = 0;
  virtual tunnel::IoStatus end(H2Stream& stream) = 0;
  virtual bool respond(H2Stream& stream, const H2Head& head, bool ends) = 0;
  /// So many bytes have been read, and the peer may send as many more.
  virtual void consumed(H2Stream& stream, std::size_t bytes) = 0;
  /// The stream's writer is called when it is the stream's turn.
  virtual void wait_writable(H2Stream& stream) = 0;
  virtual std::size_t room(const H2Stream& stream) const = 0;
  virtual bool in_flight(const H2Stream& stream) const = 0;
  virtual std::optional<std::chrono::milliseconds> backed_up(const H2Stream& stream) const = 0;
  /// Asks the peer for a sign of life; the connection is over if none comes within `limit`.
  virtual void check(std::chrono::milliseconds limit) = 0;
  /// The stream goes; `unread` bytes of it were never consumed.
  virtual void drop(H2Stream& stream, std::size_t unread) = 0;
};

/// One stream of an HTTP/2 connection: the request's and the answer's head, and the bytes of both bodies,
/// which after an extended CONNECT are those of a WebSocket (RFC 8441 5). Keeps its connection alive. What
/// has arrived stays readable after the stream, or its connection, has ended.
class H2Stream final : public Channel {
 public:
  using Clock = std::chrono::steady_clock;
  H2Stream(std::shared_ptr<H2Carrier> connection, std::int32_t id);
  ~H2Stream() override;

  /// The peer's head: at once for a server, for a client when headed() has come true.
  const H2Head& head() const { return in_.head(); }
  H2Head take_head() { return in_.take_head(); }
  std::string_view field(std::string_view name) const;  ///< first of that lower-case name, or empty
  bool oversized() const { return in_.oversized(); }
  boost::asio::awaitable<bool> headed(Clock::time_point deadline);
  /// True if the peer has not looked at the request and says so: it may go elsewhere.
  bool refused() const { return closed() && in_.code() == kH2RefusedStream; }
  bool closed() const { return in_.closed(); }
  /// Server: the answer's head.
  bool respond(const H2Head& head, bool ends);
  /// What has come and what will is dropped from now on; the windows see it as unread.
  void discard();
  /// Bytes of a write() that would leave at once; the rest of it would be held.
  std::size_t room() const;
  IoStatus read(std::span<std::byte> into, std::size_t& bytes) override;
  IoStatus read_into(tunnel::PooledBuffer& into, std::size_t size, tunnel::Slice& got) override;
  IoStatus write(std::span<const std::byte> from) override;
  IoStatus write_in_place(tunnel::Slice from) override;
  IoStatus flush() override;
  IoStatus close_notify() override;
  void on_readable(std::function<void()> callback) override;
  void on_writable(std::function<void()> callback) override;
  void on_gone(std::function<void()> callback) override;
  boost::asio::awaitable<bool> readable(Clock::time_point deadline) override;
  boost::asio::awaitable<bool> writable(Clock::time_point deadline) override;
  bool in_flight() const override;
  std::optional<std::chrono::milliseconds> backed_up() const override;
  void check_connection(std::chrono::milliseconds limit) override;
  void close() override;
  boost::asio::any_io_executor executor() override;

 private:
  friend class H2StreamTable;
  friend class H2Sender;

  /// How it stands in the line of those who write to the connection; kept by H2Sender.
  struct Turn {
    enum class Wants { nothing, room, emptiness };
    Wants wants = Wants::nothing;
    std::size_t bytes = 0;       ///< written since the others had their turns
    std::uint64_t mark = 0;      ///< the connection's bytes up to our last one
    bool was_held = false;       ///< `mark` is from before bytes that waited
    std::function<void()> wake;  ///< null: it does not wait
  };

  std::shared_ptr<H2Carrier> connection_;
  std::int32_t id_;
  H2Incoming in_;
  Turn turn_;
};

}  // namespace cfpipe::transport
