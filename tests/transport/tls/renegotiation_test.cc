// What a peer makes OpenSSL write while it reads: over TLS 1.2 each wish to renegotiate is refused by an
// alert.
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/hosts.h"
#include "transport/loopback.h"
#include "transport/tls/channel.h"
#include "transport/tls/context.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

constexpr char kHandshakeRecord = 22, kDataRecord = 23;
constexpr int kWarning = 1 << 8;
constexpr int kNoRenegotiation = 100;
/// More than either end would answer if it answered all.
constexpr std::size_t kFlood = 200'000;
/// Of the system, so that little that is not read fills it, in bytes.
constexpr int kSmallBuffer = 8 * 1024;

std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xff);
  return out;
}

/// Writes records of its own into a TLS 1.2 connection of OpenSSL's that has just been made
/// (TLS_ECDHE_*_WITH_AES_128_GCM_SHA256; RFC 5246 6.3, RFC 5288 3).
class RecordWriter {
 public:
  explicit RecordWriter(SSL* ssl) {
    std::array<unsigned char, 48> master{};
    SSL_SESSION_get_master_key(SSL_get_session(ssl), master.data(), master.size());
    std::array<unsigned char, 32> client{}, server{};
    SSL_get_client_random(ssl, client.data(), client.size());
    SSL_get_server_random(ssl, server.data(), server.size());
    EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr);
    EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
    std::string digest = "SHA256", label = "key expansion";
    const std::array<OSSL_PARAM, 6> parameters = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master.data(), master.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label.data(), label.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, server.data(), server.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, client.data(), client.size()),
        OSSL_PARAM_construct_end()};
    std::array<unsigned char, 40> block{};  // two keys of 16 bytes, two salts of 4; the client's come first
    EVP_KDF_derive(context, block.data(), block.size(), parameters.data());
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    const std::size_t of_server = SSL_is_server(ssl) == 1 ? 1 : 0;
    std::copy_n(block.begin() + static_cast<long>(16 * of_server), 16, key_.begin());
    salt_.assign(reinterpret_cast<const char*>(block.data()) + 32 + 4 * of_server, 4);
  }

  std::string record(char type, const std::string& plain) {
    const std::string number = big_endian(sequence_++, 8);
    const std::string head = std::string(1, type) + "\x03\x03";
    const std::string nonce = salt_ + number;
    const std::string authenticated = number + head + big_endian(plain.size(), 2);
    std::vector<unsigned char> out(plain.size() + 16);
    int size = 0;
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nullptr, key_.data(),
                       reinterpret_cast<const unsigned char*>(nonce.data()));
    EVP_EncryptUpdate(context, nullptr, &size, reinterpret_cast<const unsigned char*>(authenticated.data()),
                      static_cast<int>(authenticated.size()));
    EVP_EncryptUpdate(context, out.data(), &size, reinterpret_cast<const unsigned char*>(plain.data()),
                      static_cast<int>(plain.size()));
    EVP_EncryptFinal_ex(context, out.data() + size, &size);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, out.data() + plain.size());
    EVP_CIPHER_CTX_free(context);
    return head + big_endian(8 + out.size(), 2) + number +
           std::string(reinterpret_cast<const char*>(out.data()), out.size());
  }

 private:
  std::array<unsigned char, 16> key_{};
  std::string salt_;
  std::uint64_t sequence_ = 1;  // its Finished was the first
};

/// A peer made of OpenSSL alone, on a blocking socket.
class PlainPeer {
 public:
  PlainPeer(SSL_CTX* context, tcp::socket socket, bool server)
      : socket_(std::move(socket)), ssl_(SSL_new(context)) {
    socket_.non_blocking(false);
    SSL_set_max_proto_version(ssl_.get(), TLS1_2_VERSION);
    SSL_set_cipher_list(ssl_.get(), "ECDHE+AES128+AESGCM");
    SSL_set_options(ssl_.get(), SSL_OP_NO_TICKET);
    SSL_set_fd(ssl_.get(), socket_.native_handle());
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_info_callback(ssl_.get(), [](const SSL* ssl, int what, int value) {
      if (what == SSL_CB_READ_ALERT) static_cast<PlainPeer*>(SSL_get_app_data(ssl))->alert = value;
    });
    shaken = (server ? SSL_accept(ssl_.get()) : SSL_connect(ssl_.get())) == 1;
    if (shaken) writer_.emplace(ssl_.get());
  }

  /// The shortest message that asks for another handshake: HelloRequest or ClientHello, without content.
  std::string wish() {
    const char type = SSL_is_server(ssl_.get()) == 1 ? 0 : 1;
    return writer_->record(kHandshakeRecord, std::string(1, type) + std::string(3, '\0'));
  }
  /// A wish, and then a byte of data.
  std::string wish_and_byte() {
    std::string out = wish();
    return out += writer_->record(kDataRecord, "x");
  }
  bool say(const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const auto sent = ::send(socket_.native_handle(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      at += static_cast<std::size_t>(sent);
    }
    return true;
  }
  /// Until an alert or the end.
  void hear() {
    std::array<char, 256> room{};
    while (alert == 0 && SSL_read(ssl_.get(), room.data(), room.size()) > 0) {
    }
  }
  /// Says no more, and waits until the other end has gone.
  void end() {
    ::shutdown(socket_.native_handle(), SHUT_WR);
    std::array<char, 4096> room{};
    while (::recv(socket_.native_handle(), room.data(), room.size(), 0) > 0) {
    }
  }

  bool shaken = false;
  int alert = 0;

 private:
  tcp::socket socket_;
  SslPtr ssl_;
  std::optional<RecordWriter> writer_;
};

class RenegotiationTest : public testing::LoopbackTest, public ::testing::WithParamInterface<bool> {
 protected:
  struct Seen {
    std::string data;
    std::size_t most_held = 0;
    tunnel::IoStatus end = tunnel::IoStatus::ok;
  };

  /// Our end reads all that the peer makes of the connection, and writes nothing.
  Seen read_from(std::function<void(PlainPeer&)> peer) {
    const bool we_serve = GetParam();
    const SslCtx server = ca.server("vm.localhost");
    const auto client = TlsClientContext::make(ca.ca_file());
    const SslCtx plain(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* theirs = we_serve ? plain.get() : server.get();
    tcp::socket far(other_loop_);
    std::thread thread([&] {
      far.open(tcp::v4());
      far.set_option(net::socket_base::receive_buffer_size(kSmallBuffer));
      far.connect({net::ip::address_v4::loopback(), acceptor.local_endpoint().port()});
      PlainPeer end(theirs, std::move(far), !we_serve);
      EXPECT_TRUE(end.shaken);
      if (end.shaken) peer(end);
    });
    SslPtr ssl = we_serve ? SslPtr(SSL_new(server.get())) : (*client)->connection(host_of("vm.localhost"));
    if (we_serve) SSL_set_accept_state(ssl.get());
    auto task = read_all(std::move(ssl));
    auto seen = run(std::move(task));
    thread.join();
    return seen.value_or(Seen{});
  }

  net::awaitable<Seen> read_all(SslPtr ssl) {
    Seen seen;
    tcp::socket socket = co_await acceptor.async_accept(net::use_awaitable);
    socket.set_option(net::socket_base::send_buffer_size(kSmallBuffer));
    Channel channel(std::move(socket), std::move(ssl));
    const auto shaken = co_await channel.handshake(std::chrono::seconds(10), "vm.localhost");
    EXPECT_TRUE(shaken);
    std::array<std::byte, 4096> room{};
    for (bool more = shaken.has_value(); more;) {
      std::size_t got = 0;
      seen.end = channel.read(room, got);
      seen.most_held = std::max(seen.most_held, channel.held());
      seen.data.append(reinterpret_cast<const char*>(room.data()), got);
      more = seen.end == tunnel::IoStatus::ok;
      if (seen.end == tunnel::IoStatus::would_block) more = co_await channel.readable(soon());
    }
    co_return seen;
  }

  net::io_context other_loop_;
};

TEST_P(RenegotiationTest, IsRefusedAndTheAlertLeavesAtOnce) {
  int alert = 0;
  const auto seen = read_from([&](PlainPeer& peer) {
    peer.say(peer.wish());
    peer.hear();
    alert = peer.alert;
  });
  EXPECT_EQ(alert, kWarning | kNoRenegotiation);
  EXPECT_LE(seen.most_held, kMaxUnasked);
}

TEST_P(RenegotiationTest, EndsAPeerThatAsksAgainAndAgain) {
  bool taken = true;
  const auto seen = read_from([&](PlainPeer& peer) {
    std::string many;
    for (std::size_t i = 0; taken && i < kFlood; ++i) {
      many += peer.wish();
      if (many.size() < 16 * 1024) continue;
      taken = peer.say(many);
      many.clear();
    }
  });
  EXPECT_FALSE(taken);
  EXPECT_EQ(seen.end, tunnel::IoStatus::failed);
  EXPECT_LE(seen.most_held, kMaxUnasked);
}

TEST_P(RenegotiationTest, EndsAPeerThatMixesWishesWithDataAndReadsNothing) {
  bool taken = true;
  const auto seen = read_from([&](PlainPeer& peer) {
    for (std::size_t i = 0; taken && i < kFlood; ++i) taken = peer.say(peer.wish_and_byte());
  });
  EXPECT_FALSE(taken);
  EXPECT_EQ(seen.end, tunnel::IoStatus::failed);
  EXPECT_LE(seen.most_held, kMaxUnasked);
}

TEST_P(RenegotiationTest, CostsNoData) {
  constexpr std::size_t kRounds = 50;
  const auto seen = read_from([&](PlainPeer& peer) {
    std::string all;
    for (std::size_t i = 0; i < kRounds; ++i) all += peer.wish_and_byte();
    peer.say(all);
    peer.end();
  });
  EXPECT_EQ(seen.data, std::string(kRounds, 'x'));
}

INSTANTIATE_TEST_SUITE_P(Either, RenegotiationTest, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "AsServer" : "AsClient"; });

}  // namespace
}  // namespace cfpipe::transport
