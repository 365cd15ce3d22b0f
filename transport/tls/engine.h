#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "transport/tls/buffers.h"
#include "transport/tls/handles.h"
#include "transport/tls/peer.h"

namespace cfpipe::transport {

/// One end of a TLS connection without its socket: OpenSSL between plain text and TlsBuffers, and the early
/// data that a server has been sent.
class TlsEngine {
 public:
  explicit TlsEngine(SslPtr ssl);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  SSL* ssl() { return ssl_.get(); }
  TlsBuffers& buffers() { return buffers_; }
  const TlsBuffers& buffers() const { return buffers_; }
  bool established() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  /// The protocol that ALPN chose (RFC 7301), or empty.
  std::string_view alpn() const;
  TlsPeer peer() const { return describe_peer(ssl_.get()); }
  /// Whether plain text can be read, or the end, without a byte of the socket.
  bool pending() const;

  /// As SSL_read_ex() and SSL_write_ex(), early data included.
  int decrypt(std::span<std::byte> into, std::size_t& got);
  int encrypt(std::span<const std::byte> from);
  /// Whether something has come that can be read; takes nothing of it.
  bool peek();

  // Early data, a server's:
  void begin_early();
  /// One SSL_read_early_data() behind what is held.
  int read_early();
  /// Early data has been begun, and more of it may come.
  bool awaits_early() const { return early_ && !early_->ended; }
  /// Decrypted, and not read yet.
  bool has_early_data() const { return early_ && early_->begin < early_->held.size(); }
  /// True once, when it has been read and the handshake is finished: the tickets can leave.
  bool settle_early();
  /// There was none.
  void forget_early() { early_.reset(); }

 private:
  struct Early {
    std::vector<std::byte> held;  ///< kMaxEarlyData at most: OpenSSL takes no more
    std::size_t begin = 0;
    bool ended = false;
  };
  int decrypt_some(std::span<std::byte> into, std::size_t& got);

  TlsBuffers buffers_;
  SslPtr ssl_;
  std::unique_ptr<Early> early_;
};

}  // namespace cfpipe::transport
