#include "transport/tls/engine.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "transport/tls/session.h"

namespace cfpipe::transport {

TlsEngine::TlsEngine(SslPtr ssl) : ssl_(std::move(ssl)) {
  BIO* bio = buffers_.make_bio();
  SSL_set_bio(ssl_.get(), bio, bio);
}

TlsEngine::~TlsEngine() {
  // A server's OpenSSL forgets the session of a connection that ended without close_notify, and with it the
  // ticket it has just handed out. But those who were cut off are those who come back, and a ticket is as
  // good as it was (RFC 8446 6.2).
  if (established()) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

std::string_view TlsEngine::alpn() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

// Records that a full buffer left behind are as good as readable, and no event of the socket will tell of
// them.
bool TlsEngine::pending() const {
  return buffers_.has_input() || SSL_pending(ssl_.get()) > 0 || has_early_data();
}

int TlsEngine::decrypt(std::span<std::byte> into, std::size_t& got) {
  buffers_.begin_reading();
  const int result =
      early_ ? decrypt_some(into, got) : SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
  buffers_.end_reading();
  return result;
}

int TlsEngine::decrypt_some(std::span<std::byte> into, std::size_t& got) {
  while (!has_early_data() && !early_->ended) {
    early_->held.clear();
    early_->begin = 0;
    if (read_early() == SSL_READ_EARLY_DATA_ERROR) return 0;
  }
  if (!has_early_data()) return SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
  got = std::min(into.size(), early_->held.size() - early_->begin);
  std::memcpy(into.data(), early_->held.data() + early_->begin, got);
  early_->begin += got;
  return 1;
}

int TlsEngine::encrypt(std::span<const std::byte> from) {
  std::size_t written = 0;
  // A plain write would first insist on the end of the handshake.
  const auto put = early_ && !established() ? SSL_write_early_data : SSL_write_ex;
  return put(ssl_.get(), from.data(), from.size(), &written);
}

bool TlsEngine::peek() {
  std::byte one{};
  std::size_t got = 0;
  buffers_.begin_reading();
  const int peeked = SSL_peek_ex(ssl_.get(), &one, 1, &got);
  buffers_.end_reading();
  return peeked == 1;
}

void TlsEngine::begin_early() {
  early_ = std::make_unique<Early>();
}

int TlsEngine::read_early() {
  auto& held = early_->held;
  const auto before = held.size();
  std::size_t got = 0;
  held.resize(before + kMaxEarlyData);
  const int result = SSL_read_early_data(ssl_.get(), held.data() + before, kMaxEarlyData, &got);
  held.resize(before + (result == SSL_READ_EARLY_DATA_SUCCESS ? got : 0));
  if (result == SSL_READ_EARLY_DATA_FINISH) early_->ended = true;
  return result;
}

bool TlsEngine::settle_early() {
  if (!early_ || has_early_data() || !established()) return false;
  early_.reset();
  return true;
}

}  // namespace cfpipe::transport
