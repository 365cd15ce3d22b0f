#include "transport/net/channel_stream.h"

#include <algorithm>
#include <array>
#include <utility>

namespace cfpipe::transport {
namespace {

using tunnel::End;
using tunnel::IoStatus;
using tunnel::Slice;

/// Bytes read at once, where the channel has no buffers of its own to hand over.
constexpr std::size_t kReadStep = 128 * 1024;

class ChannelStream final : public tunnel::Stream {
 public:
  ChannelStream(std::unique_ptr<Channel> channel, std::shared_ptr<const void> kept)
      : kept_(std::move(kept)), channel_(std::move(channel)) {}
  ~ChannelStream() override { ChannelStream::close(); }

  IoStatus fill() override {
    if (end_ != End::open) return end_ == End::clean ? IoStatus::eof : IoStatus::failed;
    const auto status = channel_->read_into(buffer_, kReadStep, ready_[0]);
    if (status == IoStatus::ok) return status;
    buffer_.give_back();
    ready_[0] = {};
    if (status == IoStatus::eof) end_ = End::clean;
    if (status == IoStatus::failed) end_ = End::cut;
    return status;
  }
  std::span<Slice> ready() override {
    return ready_[0].empty() ? std::span<Slice>{} : std::span<Slice>(ready_);
  }
  void consume(std::size_t bytes) override { ready_[0] = ready_[0].subspan(bytes); }
  void on_readable(Callback callback) override { channel_->on_readable(std::move(callback)); }

  Took take(std::span<Slice> slices) override {
    std::size_t done = 0;
    for (auto slice : slices) {
      while (!slice.empty()) {
        const auto part = slice.first(std::min(slice.size(), kMaxChannelWrite));
        const auto status = channel_->write_in_place(part);
        if (status == IoStatus::failed) send_failed_ = true;
        if (status != IoStatus::ok) return {status, done};
        done += part.size();
        slice = slice.subspan(part.size());
      }
    }
    return {IoStatus::ok, done};
  }
  IoStatus flush() override { return sent(channel_->flush()); }
  void breaks_off() override { broken_off_ = true; }
  // The end of what was cut is close(), which resets.
  IoStatus finish() override { return broken_off_ ? IoStatus::ok : sent(channel_->close_notify()); }
  void on_writable(Callback callback) override { channel_->on_writable(std::move(callback)); }
  void on_gone(Callback callback) override { channel_->on_gone(std::move(callback)); }

  bool half_closes() const override { return true; }
  bool open_after_eof() const override { return true; }
  End end() const override { return end_ == End::open && send_failed_ ? End::cut : end_; }
  void close() override {
    if (channel_) channel_->close();
    ready_[0] = {};
    buffer_.give_back();
  }

 private:
  IoStatus sent(IoStatus status) {
    if (status == IoStatus::failed) send_failed_ = true;
    return status;
  }

  const std::shared_ptr<const void> kept_;
  const std::unique_ptr<Channel> channel_;
  tunnel::PooledBuffer buffer_;  // only while there is something in it
  std::array<Slice, 1> ready_{};
  bool broken_off_ = false;
  bool send_failed_ = false;  // what the peer sent before is still read to its end
  End end_ = End::open;
};

}  // namespace

std::unique_ptr<tunnel::Stream> make_channel_stream(std::unique_ptr<Channel> channel,
                                                    std::shared_ptr<const void> kept) {
  return std::make_unique<ChannelStream>(std::move(channel), std::move(kept));
}

}  // namespace cfpipe::transport
