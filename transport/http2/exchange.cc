#include "transport/http2/exchange.h"

#include <utility>
#include <vector>

namespace cfpipe::transport {
using tunnel::IoStatus;
namespace {

/// Plain text decrypted at once, and before others have their turn, in bytes.
constexpr std::size_t kReadStep = 256 * 1024;
constexpr std::size_t kReadTurn = 512 * 1024;

// One buffer for all connections of a thread: what is decrypted there is passed on at once.
std::span<std::byte> read_buffer() {
  thread_local const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kReadStep);
  return {buffer.get(), kReadStep};
}

}  // namespace

H2Exchange::H2Exchange(std::unique_ptr<SocketChannel> channel, H2Role role, H2Events& events,
                       Observer& observer, const H2Life& life, H2NuisanceBudget nuisance)
    : life_(life),
      observer_(observer),
      wire_(std::move(channel), session_),
      session_(role, events, wire_, nuisance) {}

H2Exchange::~H2Exchange() {
  if (!over_) wire_.close();
}

void H2Exchange::start(std::span<const std::byte> early) {
  transmit();
  if (!early.empty()) return take_in_later(early);
  if (!over_) listen();
}

// ---- receiving ----

void H2Exchange::listen() {
  wire_.on_readable([this] { receive(); });
}

void H2Exchange::receive() {
  const auto self = life_.hold();
  if (!receive_some()) return;
  transmit();
  if (!over_) listen();
}

bool H2Exchange::receive_some() {
  const auto room = read_buffer();
  for (std::size_t total = 0; total < kReadTurn;) {
    std::size_t got = 0;
    const auto status = wire_.read(room, got);
    if (status == IoStatus::would_block) break;
    if (status != IoStatus::ok) {
      observer_.lost();
      return false;
    }
    total += got;
    if (!take_in(room.first(got))) return false;
  }
  return true;
}

// Not at once: there may be requests among it, and the caller has yet to say who handles them.
void H2Exchange::take_in_later(std::span<const std::byte> early) {
  life_.post([this, bytes = std::vector(early.begin(), early.end())] {
    if (over_ || !take_in(bytes)) return;
    transmit();
    if (!over_) listen();
  });
}

// False: the peer broke the protocol, and the connection is over.
bool H2Exchange::take_in(std::span<const std::byte> bytes) {
  const auto now = std::chrono::steady_clock::now();
  const bool valid = session_.receive(bytes, now);
  observer_.received(now);
  if (valid) return true;
  transmit();
  end(session_.why());
  return false;
}

// ---- sending ----

void H2Exchange::transmit() {
  if (over_) return;
  if (session_.send() == IoStatus::failed) wire_.fail();
  wire_.flush();
  if (!session_.why().empty() || session_.over()) return end(session_.why());
  if (!wire_.failed() && wire_.held() > 0) await_wire();
  observer_.sent();
}

void H2Exchange::transmit_soon() {
  if (over_ || std::exchange(transmit_posted_, true)) return;
  life_.post([this] {
    transmit_posted_ = false;
    transmit();
  });
}

void H2Exchange::await_wire() {
  if (std::exchange(awaiting_wire_, true)) return;
  wire_.on_writable([this] {
    const auto self = life_.hold();
    awaiting_wire_ = false;
    transmit();
  });
}

void H2Exchange::end(std::string why) {
  if (std::exchange(over_, true)) return;
  why_ = std::move(why);
  wire_.close();
  observer_.ended();
}

}  // namespace cfpipe::transport
