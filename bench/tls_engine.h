#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>

namespace cfpipe::bench {

enum class Io { ok, again, eof };

/// TLS over a non-blocking socket, in one of two manners:
///
///   plain  OpenSSL on the socket itself: one system call per record sent; read-ahead is on, so that a record
///   received is
///          one call and not two. What a careful programmer writes with the library's own means.
///   batch  OpenSSL on flat buffers: as many records per system call as there are, up to 256 KiB out and 512
///   KiB in. The
///          strictest yardstick there is: what remains is the cipher and the kernel.
///
/// Peers that end without close_notify count as ended, and so do those whose connection fails.
class TlsEngine {
 public:
  virtual ~TlsEngine() = default;
  /// Fills `into` as far as data is here. ok: `got` is not zero.
  virtual Io read(std::span<std::byte> into, std::size_t& got) = 0;
  /// ok: all of it is written or held. again: `put` of it is; call with the rest when the socket is writable.
  /// eof, here and below: the peer is gone.
  virtual Io write(std::span<const std::byte> from, std::size_t& put) = 0;
  /// ok: nothing is held.
  virtual Io flush() = 0;
  virtual Io shut_down() = 0;
  /// Plain bytes that one read() should be given room for.
  virtual std::size_t read_size() const = 0;
};

struct TlsFiles {
  std::string ca, name;          ///< client
  std::string certificate, key;  ///< server
};

/// TLS 1.3 with AES-128-GCM and nothing else. A client where `files.ca` is set, else a server.
SSL_CTX* make_context(const TlsFiles& files);
std::unique_ptr<TlsEngine> make_engine(const std::string& manner, SSL_CTX* context, const TlsFiles& files,
                                       int fd);

}  // namespace cfpipe::bench
