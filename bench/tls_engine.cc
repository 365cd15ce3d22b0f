#include "tls_engine.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "support.h"

namespace cfpipe::bench {
namespace {

constexpr std::size_t kPlainRead = 64 * 1024;
constexpr std::size_t kSendBatch = 256 * 1024;
constexpr std::size_t kReceiveBatch = 512 * 1024;
/// Room for one write of 64 KiB beyond the batch, with what TLS adds to each record.
constexpr std::size_t kSlack = 80 * 1024;

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

[[noreturn]] void die_tls(const char* what) {
  char text[256] = "the connection was lost";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  die(std::string(what) + ": " + text);
}

// A connection that fails is one of many: it ends, and says why.
Io over(int error) {
  if (error == SSL_ERROR_SSL) {
    char text[256];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    std::fprintf(stderr, "tls_pipe: %s\n", text);
  }
  ERR_clear_error();
  return Io::eof;
}

class Plain : public TlsEngine {
 public:
  Plain(SSL_CTX* context, const TlsFiles& files, int fd) : ssl_(SSL_new(context)), fd_(fd) {
    SSL_set_fd(ssl_.get(), fd);
    if (files.ca.empty()) {
      SSL_set_accept_state(ssl_.get());
      return;
    }
    SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(files.name.c_str()));
    SSL_set1_host(ssl_.get(), files.name.c_str());
    SSL_set_connect_state(ssl_.get());
  }

  Io read(std::span<std::byte> into, std::size_t& got) override {
    got = 0;
    while (got < into.size()) {
      std::size_t count = 0;
      if (SSL_read_ex(ssl_.get(), into.data() + got, into.size() - got, &count) == 1) {
        got += count;
        continue;
      }
      const int error = SSL_get_error(ssl_.get(), 0);
      if (got > 0) return Io::ok;
      return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Io::again : over(error);
    }
    return Io::ok;
  }

  Io write(std::span<const std::byte> from, std::size_t& put) override {
    for (put = 0; put < from.size();) {
      std::size_t count = 0;
      if (SSL_write_ex(ssl_.get(), from.data() + put, from.size() - put, &count) != 1) {
        const int error = SSL_get_error(ssl_.get(), 0);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Io::again : over(error);
      }
      put += count;
    }
    return Io::ok;
  }

  Io flush() override { return Io::ok; }

  Io shut_down() override {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    ::shutdown(fd_, SHUT_WR);
    return Io::ok;
  }

  std::size_t read_size() const override { return kPlainRead; }

 protected:
  std::unique_ptr<SSL, FreeSsl> ssl_;
  int fd_;
};

struct SocketIo {
  int fd = -1;
  std::vector<char> out = std::vector<char>(kSendBatch + kSlack);
  std::size_t out_begin = 0, out_end = 0;
  std::vector<char> in = std::vector<char>(kReceiveBatch);
  std::size_t in_begin = 0, in_end = 0;
  bool in_eof = false;
};

Io flush_io(SocketIo& io) {
  while (io.out_begin < io.out_end) {
    const auto sent = ::send(io.fd, io.out.data() + io.out_begin, io.out_end - io.out_begin, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN ? Io::again : Io::eof;
    io.out_begin += static_cast<std::size_t>(sent);
  }
  io.out_begin = io.out_end = 0;
  return Io::ok;
}

int wire_write(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
  auto& io = *static_cast<SocketIo*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (io.out.size() - io.out_end < size && flush_io(io) != Io::ok) {
    BIO_set_retry_write(bio);
    return 0;
  }
  std::memcpy(io.out.data() + io.out_end, data, size);
  io.out_end += size;
  *written = size;
  return 1;
}

int wire_read(BIO* bio, char* into, std::size_t size, std::size_t* got) {
  auto& io = *static_cast<SocketIo*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (io.in_begin == io.in_end && !io.in_eof) {
    const auto count = ::recv(io.fd, io.in.data(), io.in.size(), 0);
    if (count < 0 && errno == EAGAIN) {
      BIO_set_retry_read(bio);
      return 0;
    }
    io.in_eof = count <= 0;
    io.in_begin = 0;
    io.in_end = count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  *got = std::min(size, io.in_end - io.in_begin);
  std::memcpy(into, io.in.data() + io.in_begin, *got);
  io.in_begin += *got;
  return *got > 0 ? 1 : 0;
}

BIO_METHOD* wire_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
  BIO_meth_set_write_ex(method, wire_write);
  BIO_meth_set_read_ex(method, wire_read);
  BIO_meth_set_ctrl(method, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH; });
  return method;
}

class Batch final : public Plain {
 public:
  Batch(SSL_CTX* context, const TlsFiles& files, int fd) : Plain(context, files, fd) {
    static BIO_METHOD* const method = wire_method();
    io_.fd = fd;
    BIO* bio = BIO_new(method);
    BIO_set_data(bio, &io_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
  }

  Io read(std::span<std::byte> into, std::size_t& got) override {
    const Io read = Plain::read(into, got);
    flush_io(io_);  // of the handshake
    return read;
  }

  Io write(std::span<const std::byte> from, std::size_t& put) override {
    put = 0;
    if (io_.out_end >= kSendBatch) {
      if (const Io flushed = flush_io(io_); flushed != Io::ok) return flushed;
    }
    const Io wrote = Plain::write(from, put);
    if (wrote == Io::again) flush_io(io_);
    return wrote;
  }

  Io flush() override { return flush_io(io_); }

  Io shut_down() override {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    const Io flushed = flush_io(io_);
    if (flushed == Io::ok) ::shutdown(fd_, SHUT_WR);
    return flushed;
  }

  std::size_t read_size() const override { return kReceiveBatch; }

 private:
  SocketIo io_;
};

}  // namespace

SSL_CTX* make_context(const TlsFiles& files) {
  SSL_CTX* context = SSL_CTX_new(files.ca.empty() ? TLS_server_method() : TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (!files.ca.empty()) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_load_verify_file(context, files.ca.c_str()) != 1) die_tls("--ca-file");
  } else if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1 ||
             SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    die_tls("--cert or --key");
  }
  return context;
}

std::unique_ptr<TlsEngine> make_engine(const std::string& manner, SSL_CTX* context, const TlsFiles& files,
                                       int fd) {
  if (manner == "plain") return std::make_unique<Plain>(context, files, fd);
  if (manner == "batch") return std::make_unique<Batch>(context, files, fd);
  die("--engine is plain or batch");
}

}  // namespace cfpipe::bench
