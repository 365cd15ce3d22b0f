#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <csignal>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "edge/edge_fixture.h"
#include "edge/fake_site.h"
#include "edge/listener/server.h"
#include "edge/process/dev_tls.h"

namespace cfpipe::edge {

/// For what must come, on a machine that has much else to do.
inline constexpr std::chrono::seconds kRawDeadline{30};
inline constexpr int kTrickleMilliseconds = 20;

/// A client on plain sockets, which says what it is told to and no more.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : socket_(io_) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    const timeval limit{kRawDeadline.count(), 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~RawClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool handshake(std::string_view alpn) {
    const std::string wire = static_cast<char>(alpn.size()) + std::string(alpn);
    context_ = SSL_CTX_new(TLS_client_method());
    ssl_ = SSL_new(context_);
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
    SSL_set_fd(ssl_, socket_.native_handle());
    return SSL_connect(ssl_) == 1;
  }
  /// False: the peer accepts no more bytes.
  bool say(std::string_view bytes) {
    if (ssl_ != nullptr) return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
    return ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0;
  }
  /// All that is said until the end; `filler` is sent again and again meanwhile. Nothing: there was no end.
  std::optional<std::string> hear(std::string_view filler = {}) {
    std::string out;
    for (const auto until = std::chrono::steady_clock::now() + kRawDeadline;
         std::chrono::steady_clock::now() < until;) {
      pollfd ready{socket_.native_handle(), POLLIN, 0};
      const bool pending = ssl_ != nullptr && SSL_pending(ssl_) > 0;
      if (pending || ::poll(&ready, 1, kTrickleMilliseconds) > 0) {
        std::array<char, 16 * 1024> room{};
        const auto got =
            ssl_ != nullptr
                ? SSL_read(ssl_, room.data(), room.size())
                : static_cast<int>(::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT));
        if (got <= 0) return out;
        out.append(room.data(), static_cast<std::size_t>(got));
      } else if (!filler.empty()) {
        say(filler);
      }
    }
    return std::nullopt;
  }
  /// What has come, as soon as something has; nothing: the end, or the deadline.
  std::string hear_some() {
    std::string out(16 * 1024, '\0');
    const int got = SSL_read(ssl_, out.data(), static_cast<int>(out.size()));
    out.resize(static_cast<std::size_t>(std::max(got, 0)));
    return out;
  }
  /// All that is said up to `end`, or to the end.
  std::string hear_until(std::string_view end) {
    std::string out;
    char byte = 0;
    while (!out.ends_with(end) && receive_one(byte)) out += byte;
    return out;
  }

 private:
  bool receive_one(char& byte) {
    if (ssl_ != nullptr) return SSL_read(ssl_, &byte, 1) == 1;
    return ::recv(socket_.native_handle(), &byte, 1, 0) == 1;
  }

  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
};

/// An edge of one site on a loop of its own, for clients that send bytes of their choice.
class RawEdgeTest : public ::testing::Test {
 protected:
  explicit RawEdgeTest(FakeSite& site) : site_(loop_.get_executor(), site, site) {
    std::signal(SIGPIPE, SIG_IGN);
    tls_ = prepare_dev_tls(dir_ / "state", {"vm.localhost"}, std::time(nullptr)).value();
    options_.listen = {boost::asio::ip::address_v4::loopback(), 0};
    options_.certificate_file = tls_.certificate_file;
    options_.key_file = tls_.key_file;
  }
  ~RawEdgeTest() override {
    end();
    server_.reset();
  }

  void start() {
    server_ = Server::open(loop_.get_executor(), options_, site_).value();
    boost::asio::co_spawn(loop_, server_->run(), boost::asio::detached);
    thread_ = std::thread([this] { loop_.run(); });
  }
  /// For those that have put more on the loop than the edge, before that goes.
  void end() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }
  std::uint16_t port() const { return server_->port(); }

  TempDir dir_;
  DevTls tls_;
  ServerOptions options_;
  boost::asio::io_context loop_{1};
  ControlPlane site_;
  std::unique_ptr<Server> server_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{loop_.get_executor()};
  std::thread thread_;
};

}  // namespace cfpipe::edge
