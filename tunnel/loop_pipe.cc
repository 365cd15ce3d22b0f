#include "tunnel/loop_pipe.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cstring>
#include <mutex>

#include "tunnel/held_bytes.h"

namespace cfpipe::tunnel {
namespace net = boost::asio;
namespace {

/// Capacity of the first buffer, in bytes: a key press needs no more.
constexpr std::size_t kFirstBytes = 4 * 1024;

/// Bytes on their way, behind kHeadroom. Not of a thread's pool: it is filled on one, and read on another.
struct Buffer {
  std::unique_ptr<std::byte[]> bytes;
  std::size_t capacity = 0;
  std::size_t size = 0;

  Slice content() const { return {bytes.get() + kHeadroom, size}; }
  std::size_t append(std::span<const std::byte> from) {
    const auto count = std::min(from.size(), kLoopPipeBytes - size);
    reserve(size + count);
    std::memcpy(bytes.get() + kHeadroom + size, from.data(), count);
    size += count;
    return count;
  }
  void reserve(std::size_t wanted) {
    if (wanted <= capacity) return;
    const auto larger = std::min(kLoopPipeBytes, std::max({wanted, 2 * capacity, kFirstBytes}));
    auto room = std::make_unique_for_overwrite<std::byte[]>(kHeadroom + larger);
    if (size > 0) std::memcpy(room.get() + kHeadroom, bytes.get() + kHeadroom, size);
    bytes = std::move(room);
    count_held(larger - capacity);
    capacity = larger;
  }
  void drop() {
    count_freed(capacity);
    bytes.reset();
    capacity = size = 0;
  }
};

class LoopEnd;

/// One end as the other sees it. All under the pipe's lock but `end`, which is its own loop's.
struct Side {
  explicit Side(net::any_io_executor own) : executor(std::move(own)) {}
  const net::any_io_executor executor;
  bool gone = false;           ///< closed: its loop is not touched any more
  bool wants_read = false;     ///< to be told when there is something to read
  bool wants_write = false;    ///< to be told when there is room
  bool wants_gone = false;     ///< to be told when the other end has gone
  Buffer incoming;             ///< what it has not taken yet
  bool incoming_ends = false;  ///< nothing follows `incoming`
  bool incoming_cut = false;   ///< more should have followed
  LoopEnd* end = nullptr;
};

struct Pipe {
  Pipe(net::any_io_executor first, net::any_io_executor second)
      : sides{Side(std::move(first)), Side(std::move(second))} {}
  ~Pipe() {
    for (Side& side : sides) side.incoming.drop();
  }
  std::mutex mutex;
  std::array<Side, 2> sides;
};

class LoopEnd final : public Stream {
 public:
  LoopEnd(std::shared_ptr<Pipe> pipe, std::size_t which)
      : pipe_(std::move(pipe)), which_(which), own_(pipe_->sides[which]), peer_(pipe_->sides[1 - which]) {
    own_.end = this;
  }
  ~LoopEnd() override { LoopEnd::close(); }

  IoStatus fill() override {
    if (end_ != End::open) return end_ == End::clean ? IoStatus::eof : IoStatus::failed;
    const std::lock_guard lock(pipe_->mutex);
    if (own_.incoming.size == 0) {
      taken_.drop();
      own_.incoming.drop();
      if (!own_.incoming_ends && !own_.incoming_cut) return IoStatus::would_block;
      end_ = own_.incoming_cut ? End::cut : End::clean;
      return own_.incoming_cut ? IoStatus::failed : IoStatus::eof;
    }
    taken_.size = 0;
    std::swap(taken_, own_.incoming);
    ready_[0] = taken_.content();
    if (std::exchange(peer_.wants_write, false)) wake(1 - which_);
    return IoStatus::ok;
  }
  std::span<Slice> ready() override {
    return ready_[0].empty() ? std::span<Slice>{} : std::span<Slice>(ready_);
  }
  void consume(std::size_t bytes) override { ready_[0] = ready_[0].subspan(bytes); }
  void on_readable(Callback callback) override {
    reader_ = std::move(callback);
    const std::lock_guard lock(pipe_->mutex);
    own_.wants_read = !readable();
    if (!own_.wants_read) wake(which_);
  }

  Took take(std::span<Slice> slices) override {
    const std::lock_guard lock(pipe_->mutex);
    if (peer_.gone) {
      send_failed_ = true;
      return {IoStatus::failed, 0};
    }
    std::size_t done = 0;
    for (const auto& slice : slices) {
      const auto count = peer_.incoming.append(slice);
      done += count;
      if (count < slice.size()) {
        tell_reader();
        return {IoStatus::would_block, done};
      }
    }
    tell_reader();
    return {IoStatus::ok, done};
  }
  IoStatus flush() override { return IoStatus::ok; }
  void breaks_off() override { broken_off_ = true; }
  IoStatus finish() override {
    const std::lock_guard lock(pipe_->mutex);
    (broken_off_ ? peer_.incoming_cut : peer_.incoming_ends) = true;
    tell_reader();
    return IoStatus::ok;
  }
  void on_writable(Callback callback) override {
    writer_ = std::move(callback);
    const std::lock_guard lock(pipe_->mutex);
    own_.wants_write = !writable();
    if (!own_.wants_write) wake(which_);
  }

  void on_gone(Callback callback) override {
    gone_ = std::move(callback);
    const std::lock_guard lock(pipe_->mutex);
    own_.wants_gone = !peer_.gone;
    if (!own_.wants_gone) wake(which_);
  }

  bool half_closes() const override { return true; }
  bool open_after_eof() const override { return true; }
  End end() const override { return end_ == End::open && send_failed_ ? End::cut : end_; }

  void close() override {
    reader_ = writer_ = gone_ = nullptr;
    ready_[0] = {};
    taken_.drop();
    const std::lock_guard lock(pipe_->mutex);
    if (std::exchange(own_.gone, true)) return;
    own_.end = nullptr;
    own_.incoming.drop();
    if (!peer_.incoming_ends) peer_.incoming_cut = true;
    tell_reader();
    const bool writes = std::exchange(peer_.wants_write, false);
    const bool watches = std::exchange(peer_.wants_gone, false);
    if (writes || watches) wake(1 - which_);
  }

 private:
  // Under the lock:
  bool readable() const { return own_.incoming.size > 0 || own_.incoming_ends || own_.incoming_cut; }
  bool writable() const { return peer_.gone || peer_.incoming.size < kLoopPipeBytes; }
  void tell_reader() {
    if (std::exchange(peer_.wants_read, false)) wake(1 - which_);
  }
  /// Under the lock: a side that is not gone has its loop.
  void wake(std::size_t which) {
    Side& side = pipe_->sides[which];
    if (side.gone) return;
    net::post(side.executor, [pipe = pipe_, which] {
      if (LoopEnd* end = pipe->sides[which].end) end->woken();
    });
  }
  /// On this end's loop. Each callback may close, or destroy, this end.
  void woken() {
    const std::weak_ptr<int> alive = alive_;
    bool reads = false;
    bool writes = false;
    bool gone = false;
    {
      const std::lock_guard lock(pipe_->mutex);
      reads = reader_ && readable();
      writes = writer_ && writable();
      gone = gone_ && peer_.gone;
      own_.wants_read = reader_ && !reads;
      own_.wants_write = writer_ && !writes;
    }
    if (reads) std::exchange(reader_, nullptr)();
    if (writes && !alive.expired() && writer_) std::exchange(writer_, nullptr)();
    if (gone && !alive.expired() && gone_) std::exchange(gone_, nullptr)();
  }

  const std::shared_ptr<Pipe> pipe_;
  const std::size_t which_;
  Side& own_;
  Side& peer_;
  Buffer taken_;  // with the reader
  std::array<Slice, 1> ready_{};
  bool broken_off_ = false;
  bool send_failed_ = false;  // what the peer sent before is still read to its end
  End end_ = End::open;
  Callback reader_;
  Callback writer_;
  Callback gone_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_loop_pipe(net::any_io_executor first,
                                                                           net::any_io_executor second) {
  const auto pipe = std::make_shared<Pipe>(std::move(first), std::move(second));
  return {std::make_unique<LoopEnd>(pipe, 0), std::make_unique<LoopEnd>(pipe, 1)};
}

}  // namespace cfpipe::tunnel
