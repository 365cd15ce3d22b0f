#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "transport/http2/session.h"
#include "transport/http2/stream.h"
#include "transport/tls/channel.h"

namespace cfpipe::transport {

/// Timeouts of an open connection: it sends a PING after `ping` without a byte from the peer, ends after
/// `dead` without one, and after `idle` without streams. A client's `idle` is shorter than a server's.
struct H2Times {
  std::chrono::milliseconds ping{20'000};
  std::chrono::milliseconds dead{42'000};
  std::chrono::milliseconds idle{90'000};
};
inline constexpr std::chrono::milliseconds kH2ServerIdle{100'000};

/// One HTTP/2 connection over TLS, either role: reads and writes the socket, and shares it among the streams.
/// Ciphertext held: kSendBatch if one stream has it for itself, a quarter of that if several share it, and
/// one frame. Lives as long as it or one of its streams is referenced. Used from one thread.
class H2Connection : public std::enable_shared_from_this<H2Connection>,
                     public H2Carrier,
                     private H2Events,
                     private H2Output {
 public:
  using Clock = std::chrono::steady_clock;
  using IoStatus = tunnel::IoStatus;
  using RequestHandler = std::function<void(std::unique_ptr<H2Stream>)>;

  /// Takes over a channel whose handshake has chosen h2, and sends the connection preface.
  static std::shared_ptr<H2Connection> start(std::unique_ptr<TlsChannel> channel, H2Role role,
                                             H2Times times = {});
  ~H2Connection() override;
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;

  /// Client: true once the server's SETTINGS have arrived; false if the deadline has passed or the connection
  /// has ended before.
  boost::asio::awaitable<bool> settled(Clock::time_point deadline);
  bool takes_websockets() const { return session_.takes_websockets(); }
  /// Client: whether another stream may be opened.
  bool usable() const { return !over_ && !send_failed_ && session_.streams_left() > 0; }
  /// Whether the peer has sent GOAWAY; open streams go on.
  bool going_away() const { return session_.going_away(); }
  /// Client: opens a stream; null if it is not usable().
  std::unique_ptr<H2Stream> open(const H2Head& head, bool ends);
  /// Client: asks for a sign of life, unless there are several streams, and is over if none comes within
  /// `timeout`.
  void probe(std::chrono::milliseconds timeout);

  /// Server: `handler` is called from the executor with each stream whose request head has arrived.
  void on_request(RequestHandler handler) { handler_ = std::move(handler); }

  /// Server: widens the connection's window for a peer that carries a tunnel.
  void widen();

  /// Server: sends a GOAWAY that announces the end (RFC 9113 6.8) and still serves new streams; drain() is
  /// the next step.
  void announce_end();
  /// Rejects new streams (GOAWAY); the connection is over when the last stream has ended.
  void drain();
  void close();
  bool over() const { return over_; }
  boost::asio::awaitable<void> until_over();
  /// Client: as TlsChannel::refusal().
  std::optional<Failure> refusal() { return over_ ? channel_->refusal() : std::nullopt; }
  /// Why the connection failed, printable; empty after a clean end.
  const std::string& why() const { return why_; }
  boost::asio::any_io_executor executor() override { return executor_; }

 private:
  H2Connection(std::unique_ptr<TlsChannel> channel, H2Role role, H2Times times);

  // For the streams.
  IoStatus write(H2Stream& stream, tunnel::Slice from) override;
  IoStatus flush(H2Stream& stream) override;
  IoStatus end(H2Stream& stream) override;
  bool respond(H2Stream& stream, const H2Head& head, bool ends) override;
  void consumed(H2Stream& stream, std::size_t bytes) override;
  void wait_writable(H2Stream& stream) override;
  std::size_t room(const H2Stream& stream) const override;
  bool in_flight(const H2Stream& stream) const override;
  std::optional<std::chrono::milliseconds> backed_up(const H2Stream& stream) const override;
  void drop(H2Stream& stream, std::size_t unread) override;

  void h2_head(std::int32_t stream, H2Head head, bool oversized) override;
  void h2_data(std::int32_t stream, std::span<const std::byte> data) override;
  void h2_end(std::int32_t stream) override;
  void h2_closed(std::int32_t stream, std::uint32_t code) override;
  IoStatus put(std::span<const std::byte> bytes) override;

  H2Stream* find(std::int32_t stream) const;
  void listen();
  void receive();
  bool receive_some();
  void after_receive();
  void transmit();
  void transmit_soon();
  void await_wire();
  bool wire_room();
  std::size_t most_held() const;
  bool has_left(H2Stream& stream);
  bool can_go_on(H2Stream& stream);
  void wake_writers();
  void end_with(std::string why);
  boost::asio::awaitable<void> change(Clock::time_point deadline);
  void changed();
  void schedule();
  void on_timer();

  boost::asio::any_io_executor executor_;
  std::unique_ptr<TlsChannel> channel_;
  H2Role role_;
  H2Times times_;
  H2Session session_;
  RequestHandler handler_;
  std::unordered_map<std::int32_t, H2Stream*> streams_;  ///< until they are dropped, also past their end
  std::deque<std::int32_t> waiters_;                     ///< for writing, in the order of their turns
  std::vector<std::int32_t> refused_;                    ///< streams to reset, once nghttp2 may be called
  std::vector<std::pair<std::int32_t, std::size_t>> unwanted_;  ///< bytes for streams that were dropped
  bool waking_ = false;
  bool awaiting_wire_ = false;
  bool transmit_posted_ = false;
  bool send_failed_ = false;  ///< what the peer sent before is still read to its end
  bool draining_ = false;
  bool over_ = false;
  std::string why_;

  boost::asio::steady_timer timer_;
  std::vector<std::shared_ptr<boost::asio::steady_timer>> waiting_;  ///< awaits of change()
  Clock::time_point last_received_;
  Clock::time_point idle_since_;
  Clock::time_point probe_until_{};  ///< zero: none is running
  Clock::time_point probed_at_{};
  Clock::time_point pinged_at_{};
  bool pinged_ = false;
};

}  // namespace cfpipe::transport
