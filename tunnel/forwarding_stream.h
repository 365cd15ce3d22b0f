#pragma once

#include <memory>
#include <utility>

#include "tunnel/stream.h"

namespace cfpipe::tunnel {

/// A stream that is another one, but for what a subclass changes.
class ForwardingStream : public Stream {
 public:
  explicit ForwardingStream(std::unique_ptr<Stream> inner) : inner_(std::move(inner)) {}

  IoStatus fill() override { return inner_->fill(); }
  std::span<Slice> ready() override { return inner_->ready(); }
  void consume(std::size_t bytes) override { inner_->consume(bytes); }
  void on_readable(Callback callback) override { inner_->on_readable(std::move(callback)); }
  void discard() override { inner_->discard(); }
  Took take(std::span<Slice> slices) override { return inner_->take(slices); }
  IoStatus flush() override { return inner_->flush(); }
  void breaks_off() override { inner_->breaks_off(); }
  IoStatus finish() override { return inner_->finish(); }
  bool still_finishing() override { return inner_->still_finishing(); }
  void dismiss(const std::string& why) override { inner_->dismiss(why); }
  void leave(const std::string& why) override { inner_->leave(why); }
  void on_writable(Callback callback) override { inner_->on_writable(std::move(callback)); }
  void on_gone(Callback callback) override { inner_->on_gone(std::move(callback)); }
  bool half_closes() const override { return inner_->half_closes(); }
  bool open_after_eof() const override { return inner_->open_after_eof(); }
  End end() const override { return inner_->end(); }
  std::string end_detail() const override { return inner_->end_detail(); }
  std::uint16_t peer_close_code() const override { return inner_->peer_close_code(); }
  void check(std::chrono::milliseconds limit) override { inner_->check(limit); }
  void close() override { inner_->close(); }

 protected:
  Stream& inner() { return *inner_; }

 private:
  const std::unique_ptr<Stream> inner_;
};

}  // namespace cfpipe::tunnel
