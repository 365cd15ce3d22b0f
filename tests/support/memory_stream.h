#pragma once

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tunnel/stream.h"

namespace cfpipe::testing {

/// What a MemoryStream does wrong, and when. Operations (fill, take, flush, finish) are counted from 0.
struct Faults {
  std::size_t fill_bytes = 1000;                                     ///< what one fill() brings at most
  std::size_t take_bytes = std::numeric_limits<std::size_t>::max();  ///< what one take() accepts at most
  int block_every = 0;      ///< every n-th operation would block first; 0: none
  int fail_at = -1;         ///< this operation fails, and that side of the stream from then on
  bool holds_bytes = true;  ///< taken bytes arrive at the peer with flush() only
};

/// A tunnel::Stream whose peer is the test. What the peer says is given beforehand or with say(); what it
/// hears is heard(). Misuse of the interface (fill() over unread bytes, take() after finish(), two callbacks
/// of one kind) is recorded in misuse().
class MemoryStream final : public tunnel::Stream {
 public:
  using IoStatus = tunnel::IoStatus;
  using Slice = tunnel::Slice;
  using End = tunnel::End;

  explicit MemoryStream(boost::asio::any_io_executor executor, Faults faults = {})
      : executor_(std::move(executor)), faults_(faults) {}
  ~MemoryStream() override { MemoryStream::close(); }

  // The peer's side.
  void say(std::string_view text) {
    said_ += text;
    wake(reader_);
  }
  void end_saying(End how = End::clean) {
    source_end_ = how;
    wake(reader_);
  }
  void stop_hearing() { deaf_ = true; }
  void break_sink() { sink_broken_ = true; }
  void hear_again() {
    deaf_ = false;
    wake(writer_);
  }
  void half_close(bool yes) { half_closes_ = yes; }
  void stay_open_after_eof(bool yes) { open_after_eof_ = yes; }
  std::function<void()> on_finish;  ///< the peer saw our end; runs inside finish()
  std::function<void(std::chrono::milliseconds)> on_check;
  std::string detail = "a planned fault";  ///< end_detail() of a cut

  const std::string& heard() const { return heard_; }
  std::size_t read_by_us() const { return read_; }
  bool finished() const { return finished_; }
  bool closed() const { return closed_; }
  bool told_of_break() const { return told_of_break_; }
  const std::string& dismissed() const { return dismissed_; }
  bool fault_met() const { return fault_met_; }
  const std::string& misuse() const { return misuse_; }

  // tunnel::Stream
  void check(std::chrono::milliseconds limit) override {
    if (on_check) on_check(limit);
  }
  IoStatus fill() override {
    if (!ready().empty()) misuse_ = "fill() over unread bytes";
    if (source_broken_) return IoStatus::failed;
    if (const auto fault = next_operation(source_broken_); fault != IoStatus::ok) return fault;
    const auto count = std::min(faults_.fill_bytes, said_.size() - read_);
    if (count == 0) return nothing_to_read();
    buffer_.resize(tunnel::kHeadroom + count);
    std::memcpy(buffer_.data() + tunnel::kHeadroom, said_.data() + read_, count);
    read_ += count;
    // Two slices where there is enough, as a WebSocket has them.
    const Slice all(buffer_.data() + tunnel::kHeadroom, count);
    slices_ = count < 2 ? std::vector<Slice>{all}
                        : std::vector<Slice>{all.first(count / 2), all.subspan(count / 2)};
    next_ = 0;
    return IoStatus::ok;
  }
  std::span<Slice> ready() override { return std::span(slices_).subspan(next_); }
  void consume(std::size_t bytes) override {
    while (bytes > 0 && next_ < slices_.size()) {
      const auto count = std::min(bytes, slices_[next_].size());
      slices_[next_] = slices_[next_].subspan(count);
      bytes -= count;
      if (slices_[next_].empty()) ++next_;
    }
    if (bytes > 0) misuse_ = "consume() of more than there was";
  }
  void on_readable(Callback callback) override {
    if (reader_) misuse_ = "a second on_readable()";
    reader_ = std::move(callback);
    const bool blocked_by_fault = std::exchange(retry_read_, false);
    if (blocked_by_fault || read_ < said_.size() || source_end_ != End::open) wake(reader_);
  }

  Took take(std::span<Slice> slices) override {
    if (finished_) misuse_ = "take() after finish()";
    if (closed_) misuse_ = "take() after close()";
    if (sink_broken_) return {IoStatus::failed, 0};
    if (const auto fault = next_operation(sink_broken_); fault != IoStatus::ok) return {fault, 0};
    if (deaf_) return {IoStatus::would_block, 0};
    std::size_t done = 0;
    for (const auto& slice : slices) {
      const auto count = std::min(slice.size(), faults_.take_bytes - done);
      held_.append(reinterpret_cast<const char*>(slice.data()), count);
      // The contract lets a sink scribble on what it took and on the headroom before it.
      if (count > 0) std::memset(slice.data() - (done == 0 ? 1 : 0), 0x55, count);
      done += count;
      if (count < slice.size()) {
        retry_write_ = true;
        deliver_unless_held();
        return {IoStatus::would_block, done};
      }
    }
    deliver_unless_held();
    return {IoStatus::ok, done};
  }
  IoStatus flush() override {
    if (sink_broken_) return IoStatus::failed;
    if (const auto fault = next_operation(sink_broken_); fault != IoStatus::ok) return fault;
    if (deaf_ && !held_.empty()) return IoStatus::would_block;
    deliver();
    return IoStatus::ok;
  }
  void breaks_off() override { told_of_break_ = true; }
  IoStatus finish() override {
    if (sink_broken_) return IoStatus::failed;
    if (const auto fault = next_operation(sink_broken_); fault != IoStatus::ok) return fault;
    const bool first = !std::exchange(finished_, true);
    if (deaf_) return IoStatus::would_block;
    deliver();
    if (first && on_finish) on_finish();
    return IoStatus::ok;
  }
  void dismiss(const std::string& why) override { dismissed_ = why; }
  void on_writable(Callback callback) override {
    if (writer_) misuse_ = "a second on_writable()";
    writer_ = std::move(callback);
    if (std::exchange(retry_write_, false) || !deaf_) wake(writer_);
  }
  bool half_closes() const override { return half_closes_; }
  bool open_after_eof() const override { return open_after_eof_; }
  End end() const override { return end_; }
  std::string end_detail() const override { return end_ == End::cut ? detail : ""; }
  void close() override {
    closed_ = true;
    reader_ = writer_ = nullptr;
    alive_.reset();
  }

 private:
  IoStatus next_operation(bool& broken) {
    const int number = operations_++;
    if (number == faults_.fail_at) {
      broken = fault_met_ = true;
      end_ = End::cut;
      return IoStatus::failed;
    }
    if (faults_.block_every > 0 && number % faults_.block_every == faults_.block_every - 1) {
      (&broken == &source_broken_ ? retry_read_ : retry_write_) = true;
      return IoStatus::would_block;
    }
    return IoStatus::ok;
  }
  IoStatus nothing_to_read() {
    if (source_end_ == End::open) return IoStatus::would_block;
    end_ = source_end_;
    return source_end_ == End::clean ? IoStatus::eof : IoStatus::failed;
  }
  void deliver() { heard_ += std::exchange(held_, {}); }
  void deliver_unless_held() {
    if (!faults_.holds_bytes) deliver();
  }
  void wake(Callback& waiting) {
    if (!waiting) return;
    boost::asio::post(executor_, [this, &waiting, alive = std::weak_ptr<int>(alive_)] {
      if (alive.expired() || !waiting) return;
      std::exchange(waiting, nullptr)();
    });
  }

  boost::asio::any_io_executor executor_;
  Faults faults_;
  std::string said_, held_, heard_, dismissed_, misuse_;
  std::size_t read_ = 0;
  std::vector<std::byte> buffer_;
  std::vector<Slice> slices_;
  std::size_t next_ = 0;
  int operations_ = 0;
  End source_end_ = End::open;
  End end_ = End::open;
  bool source_broken_ = false, sink_broken_ = false, fault_met_ = false;
  bool retry_read_ = false, retry_write_ = false;
  bool told_of_break_ = false, deaf_ = false, finished_ = false, closed_ = false;
  bool half_closes_ = true, open_after_eof_ = true;
  Callback reader_, writer_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace cfpipe::testing
