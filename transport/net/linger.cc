#include "transport/net/linger.h"

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {

/// What is dropped at once, in bytes.
constexpr std::size_t kDropBytes = 16 * 1024;

// Owned by what it waits for: the channel's callback, and the timer's.
class Lingering : public std::enable_shared_from_this<Lingering> {
 public:
  explicit Lingering(std::unique_ptr<Channel> channel)
      : channel_(std::move(channel)), timer_(channel_->executor()) {}

  void start(std::chrono::milliseconds limit) {
    timer_.expires_after(limit);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->channel_->close();
    });
    send();
    drop();
  }

 private:
  void send() {
    if (channel_->flush() == tunnel::IoStatus::would_block)
      channel_->on_writable([self = shared_from_this()] { self->send(); });
  }
  void drop() {
    std::array<std::byte, kDropBytes> dropped;
    std::size_t got = 0;
    auto status = tunnel::IoStatus::ok;
    while (status == tunnel::IoStatus::ok) status = channel_->read(dropped, got);
    if (status == tunnel::IoStatus::would_block)
      return channel_->on_readable([self = shared_from_this()] { self->drop(); });
    timer_.cancel();
    channel_->close();
  }

  std::unique_ptr<Channel> channel_;
  net::steady_timer timer_;
};

}  // namespace

void linger(std::unique_ptr<Channel> channel, std::chrono::milliseconds limit) {
  std::make_shared<Lingering>(std::move(channel))->start(limit);
}

}  // namespace cfpipe::transport
