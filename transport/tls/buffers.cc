#include "transport/tls/buffers.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace cfpipe::transport {
namespace {

/// Receives in a row that would have fitted the small buffer before the large one is given back.
constexpr int kSmallReceivesToShrink = 64;

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

}  // namespace

BIO* TlsBuffers::make_bio() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "batch");
    BIO_meth_set_write_ex(m, [](BIO* bio, const char* data, std::size_t size, std::size_t* written) {
      const bool taken = static_cast<TlsBuffers*>(BIO_get_data(bio))->append(data, size);
      *written = taken ? size : 0;
      return taken ? 1 : 0;
    });
    BIO_meth_set_read_ex(m, [](BIO* bio, char* into, std::size_t size, std::size_t* got) {
      auto& buffers = *static_cast<TlsBuffers*>(BIO_get_data(bio));
      BIO_clear_retry_flags(bio);
      *got = buffers.take(into, size);
      if (*got > 0) return 1;
      if (!buffers.in_eof_) BIO_set_retry_read(bio);
      return 0;
    });
    BIO_meth_set_ctrl(m, bio_control);
    return m;
  }();
  BIO* bio = BIO_new(method);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

// ---- in ----

std::size_t TlsBuffers::take(char* into, std::size_t size) {
  const auto count = std::min(size, in_end_ - in_begin_);
  if (count == 0) return 0;  // there may be no buffer yet
  std::memcpy(into, in_.data() + in_begin_, count);
  in_begin_ += count;
  return count;
}

std::span<std::byte> TlsBuffers::room() {
  if (in_eof_) return {};
  in_.take(want_large_ ? kReceiveLarge : kReceiveSmall);
  return {in_.data(), in_.size()};
}

void TlsBuffers::received(std::size_t bytes) {
  starved_ = false;
  in_eof_ = bytes == 0;
  if (in_eof_) return;
  in_begin_ = 0;
  in_end_ = bytes;
  if (bytes == in_.size()) {
    want_large_ = true;
    small_receives_ = 0;
  } else if (bytes < kReceiveSmall && ++small_receives_ == kSmallReceivesToShrink) {
    want_large_ = false;
    small_receives_ = 0;
  }
}

// Invariant: nothing is received while `in_` still holds something.
void TlsBuffers::received_nothing() {
  in_.give_back();
  in_begin_ = in_end_ = 0;
}

void TlsBuffers::rest() {
  if (in_begin_ == in_end_) received_nothing();
}

// ---- out ----

bool TlsBuffers::append(const char* data, std::size_t size) {
  if (reading_) {
    unasked_ += size;
    too_much_ = too_much_ || unasked_ > kMaxUnasked;
    if (too_much_) return false;
  }
  if (out_begin_ == out_end_) out_begin_ = out_end_ = 0;
  if (out_.size() - out_end_ < size) make_room(size);
  std::memcpy(out_.data() + out_end_, data, size);
  out_end_ += size;
  out_total_ += size;
  return true;
}

void TlsBuffers::make_room(std::size_t size) {
  const auto kept = held();
  if (kept + size <= out_.size()) {
    std::memmove(out_.data(), out_.data() + out_begin_, kept);
    out_begin_ = 0;
    out_end_ = kept;
    return;
  }
  while (out_wanted_ < kept + size) out_wanted_ *= 2;
  tunnel::PooledBuffer bigger;
  bigger.take(out_wanted_);
  if (kept > 0) std::memcpy(bigger.data(), out_.data() + out_begin_, kept);
  out_ = std::move(bigger);
  out_begin_ = 0;
  out_end_ = kept;
}

void TlsBuffers::all_sent() {
  out_.give_back();
  out_begin_ = out_end_ = 0;
}

void TlsBuffers::forgive_unasked() {
  if (held() == 0) unasked_ = 0;
}

}  // namespace cfpipe::transport
