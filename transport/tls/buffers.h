#pragma once

#include <openssl/bio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "tunnel/buffer_pool.h"

namespace cfpipe::transport {

/// Ciphertext received by one system call, in bytes: small at first, as much as the largest once a bulk
/// stream is seen.
inline constexpr std::size_t kReceiveSmall = 32 * 1024;
inline constexpr std::size_t kReceiveLarge = 512 * 1024;

/// Ciphertext that the peer may make OpenSSL write while it reads (alerts that refuse a renegotiation, for
/// example), in bytes, since application data last came and all that was written has left. The connection
/// fails beyond it.
inline constexpr std::size_t kMaxUnasked = 16 * 1024;

/// What OpenSSL sees as its wire: a flat buffer each way, pooled, and there only while there is something in
/// it. Invariant: OpenSSL reads the input to its end before it asks for more, so a receive always starts at
/// the front of the buffer.
class TlsBuffers {
 public:
  TlsBuffers() = default;
  TlsBuffers(const TlsBuffers&) = delete;
  TlsBuffers& operator=(const TlsBuffers&) = delete;

  /// For SSL_set_bio(), which takes it; these buffers have to outlive it.
  BIO* make_bio();

  // The socket's side:
  /// Where input goes; empty after the peer's EOF.
  std::span<std::byte> room();
  /// So much has been put there; 0: EOF.
  void received(std::size_t bytes);
  void received_nothing();
  /// The socket is waited for: an input that has been read to its end holds no buffer meanwhile.
  void rest();
  /// OpenSSL has read all that came, and wants more; until something is received.
  void starve() { starved_ = true; }
  bool starved() const { return starved_; }
  bool has_input() const { return in_begin_ < in_end_ || in_eof_; }
  std::span<const std::byte> output() const { return {out_.data() + out_begin_, held()}; }
  void sent(std::size_t bytes) { out_begin_ += bytes; }
  void all_sent();
  /// Ciphertext out, in bytes: held here; all there was, held or sent.
  std::size_t held() const { return out_end_ - out_begin_; }
  std::uint64_t queued() const { return out_total_; }

  // What OpenSSL writes by itself, while it reads:
  void begin_reading() { reading_ = true; }
  void end_reading() { reading_ = false; }
  /// It has read application data: what has left by now does not count any more.
  void forgive_unasked();
  bool holds_unasked() const { return unasked_ > 0 && held() > 0; }
  /// It wanted to write more than kMaxUnasked.
  bool too_much() const { return too_much_; }

 private:
  std::size_t take(char* into, std::size_t size);
  bool append(const char* data, std::size_t size);
  void make_room(std::size_t size);

  tunnel::PooledBuffer in_;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  bool in_eof_ = false;
  bool starved_ = false;
  bool want_large_ = false;
  int small_receives_ = 0;

  tunnel::PooledBuffer out_;
  std::size_t out_wanted_ = 4096;  ///< what was enough so far, in bytes
  std::size_t out_begin_ = 0;
  std::size_t out_end_ = 0;
  std::uint64_t out_total_ = 0;

  bool reading_ = false;
  std::size_t unasked_ = 0;
  bool too_much_ = false;
};

}  // namespace cfpipe::transport
