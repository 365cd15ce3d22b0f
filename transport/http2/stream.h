#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "transport/http2/session.h"
#include "transport/net/channel.h"

namespace cfpipe::transport {

class H2Connection;
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
  const H2Head& head() const { return head_; }
  H2Head take_head() { return std::exchange(head_, {}); }
  std::string_view field(std::string_view name) const;  ///< first of that lower-case name, or empty
  bool oversized() const { return oversized_; }
  boost::asio::awaitable<bool> headed(Clock::time_point deadline);
  /// True if the peer has not looked at the request and says so: it may go elsewhere.
  bool refused() const { return closed_ && code_ == kH2RefusedStream; }
  bool closed() const { return closed_; }
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
  boost::asio::awaitable<bool> readable(Clock::time_point deadline) override;
  boost::asio::awaitable<bool> writable(Clock::time_point deadline) override;
  bool in_flight() const override;
  std::optional<std::chrono::milliseconds> backed_up() const override;
  void close() override;
  boost::asio::any_io_executor executor() override;

 private:
  friend class H2Connection;
  enum class Wants { nothing, room, emptiness };
  struct Block {
    tunnel::PooledBuffer buffer;
    std::size_t begin = tunnel::kHeadroom;
    std::size_t end = tunnel::kHeadroom;
    bool full() const { return end == buffer.size(); }
  };

  // From the connection.
  void arrived(std::span<const std::byte> data);
  void add_block(std::size_t coming);
  IoStatus nothing_read() const;
  void set_head(H2Head head, bool oversized);
  void set_peer_ended();
  void set_closed(std::uint32_t code);
  void wake_reader();
  void post(std::function<void()> callback);
  boost::asio::awaitable<bool> wait(bool for_head, Clock::time_point deadline);

  std::shared_ptr<H2Carrier> connection_;
  std::int32_t id_;
  H2Head head_;
  bool oversized_ = false;
  bool has_head_ = false;

  std::deque<Block> in_;
  std::size_t filled_ = 0;  ///< size of the last block, if that became full
  std::size_t in_bytes_ = 0;
  bool peer_ended_ = false;
  bool closed_ = false;  ///< both ways; `code_` says why
  std::uint32_t code_ = 0;
  bool dropped_ = false;     ///< by close()
  bool discarding_ = false;  ///< what is in `in_bytes_` is not in `in_`

  // Sending; kept by the connection.
  Wants wants_ = Wants::nothing;
  std::size_t turn_ = 0;    ///< bytes since the others had theirs
  std::uint64_t mark_ = 0;  ///< the connection's ciphertext up to our last byte
  bool was_held_ = false;   ///< `mark_` is from before bytes that waited

  std::function<void()> reader_;
  std::function<void()> writer_;
  std::shared_ptr<boost::asio::steady_timer> waiter_;  ///< of an await
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace cfpipe::transport
