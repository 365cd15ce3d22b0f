// What the edge does with requests in early data, which may be replays.
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <ctime>
#include <stdexcept>
#include <thread>

#include "edge/edge_fixture.h"
#include "edge/fake_site.h"
#include "edge/listener/server.h"
#include "edge/process/dev_tls.h"
#include "edge/tunnel/origin.h"
#include "support/hosts.h"
#include "transport/tls/context.h"
#include "transport/tls/session.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {
using net::ip::tcp;

/// Answers everything, and remembers in which order it was asked.
class Notebook final : public FakeSite {
 public:
  std::vector<std::string> asked;
  std::uint16_t origin_port = 0;

  net::awaitable<Answer> handle(const Request& request) override {
    asked.push_back(request.path);
    Answer answer;
    answer.body = request.path;
    co_return answer;
  }
  std::variant<TunnelGrant, Answer> upgrade(const Request& request) override {
    asked.push_back(request.path);
    TunnelGrant grant;
    grant.app_hostname = request.host;
    grant.target = std::make_shared<TcpOrigin>(request.host, transport::host_of("127.0.0.1"), origin_port);
    return grant;
  }
};

/// A TLS client whose last word of the handshake is said when the test says so.
class HeldClient {
 public:
  HeldClient(const DevTls& tls, std::uint16_t port, SSL_SESSION* session) : socket_(io_) {
    context_ = transport::TlsClientContext::make(tls.ca_file).value();
    ssl_ = context_->connection(transport::host_of("vm.localhost"));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl_.get()), -1);
    if (session != nullptr) SSL_set_session(ssl_.get(), session);
    socket_.connect({net::ip::address_v4::loopback(), port});
    const timeval timeout{20, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  }

  void say_early(const std::string& text) {
    std::size_t written = 0;
    ASSERT_EQ(SSL_write_early_data(ssl_.get(), text.data(), text.size(), &written), 1);
    send_held();
  }
  /// The server's part of the handshake; ours stays here.
  void hear_handshake() {
    while (SSL_do_handshake(ssl_.get()) != 1) hear();
  }
  void say_handshake() {
    while (SSL_do_handshake(ssl_.get()) != 1) {
      send_held();
      hear();
    }
    send_held();
  }
  bool early_data_accepted() const {
    return SSL_get_early_data_status(ssl_.get()) == SSL_EARLY_DATA_ACCEPTED;
  }
  void say(const std::string& text) {
    ASSERT_EQ(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
    send_held();
  }
  /// What comes first, up to the end of a line.
  std::string line() {
    std::string out;
    while (!out.ends_with('\n')) {
      char one = 0;
      if (SSL_read(ssl_.get(), &one, 1) == 1) {
        out.push_back(one);
      } else {
        hear();
      }
    }
    return out;
  }
  /// In the words of the protocol: OpenSSL forgets the session of a connection that ends otherwise.
  void leave() {
    SSL_shutdown(ssl_.get());
    send_held();
  }
  transport::SessionPtr session() const { return transport::SessionPtr(SSL_get1_session(ssl_.get())); }

 private:
  void send_held() {
    std::array<char, 32 * 1024> room;
    const int size = BIO_read(SSL_get_wbio(ssl_.get()), room.data(), static_cast<int>(room.size()));
    if (size > 0) net::write(socket_, net::buffer(room.data(), static_cast<std::size_t>(size)));
  }
  void hear() {
    std::array<char, 32 * 1024> room;
    const auto got = ::recv(socket_.native_handle(), room.data(), room.size(), 0);
    if (got <= 0) throw std::runtime_error("the edge says no more");
    BIO_write(SSL_get_rbio(ssl_.get()), room.data(), static_cast<int>(got));
  }

  net::io_context io_{1};
  tcp::socket socket_;
  std::unique_ptr<transport::TlsClientContext> context_;
  transport::SslPtr ssl_;
};

std::string early_get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: vm.localhost\r\n\r\n";
}
std::string upgrade(const std::string& path) {
  return "GET " + path +
         " HTTP/1.1\r\nHost: vm.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
}

/// One wire, so that things happen there in the order in which they come.
class EarlyRequestTest : public ::testing::Test {
 protected:
  EarlyRequestTest() : origin_(unserved_, tcp::endpoint(net::ip::address_v4::loopback(), 0)) {
    notebook_.origin_port = origin_.local_endpoint().port();
    tls_ = prepare_dev_tls(dir_ / "state", {"vm.localhost"}, std::time(nullptr)).value();
    ServerOptions options;
    options.listen = {net::ip::address_v4::loopback(), 0};
    options.certificate_file = tls_.certificate_file;
    options.key_file = tls_.key_file;
    options.threads = 1;
    server_ = Server::open(loop_.get_executor(), options, site_).value();
    net::co_spawn(loop_, server_->run(), net::detached);
    thread_ = std::thread([this] {
      loop_.run();
      server_.reset();
      loop_.restart();
      loop_.poll();
    });
  }
  ~EarlyRequestTest() override { end(); }
  void end() {
    if (!thread_.joinable()) return;
    loop_.stop();
    thread_.join();
  }

  /// Of a connection that has asked for a page and got it.
  transport::SessionPtr asked_before(const std::string& path) {
    HeldClient one(tls_, server_->port(), nullptr);
    one.say_handshake();
    one.say(early_get(path));
    EXPECT_EQ(one.line(), "HTTP/1.1 200 OK\r\n");
    one.leave();
    return one.session();
  }

  TempDir dir_;
  DevTls tls_;
  Notebook notebook_;
  net::io_context loop_{1};
  net::io_context unserved_{1};
  tcp::acceptor origin_;
  ControlPlane site_{loop_.get_executor(), notebook_, notebook_};
  std::unique_ptr<Server> server_;
  net::executor_work_guard<net::io_context::executor_type> work_{loop_.get_executor()};
  std::thread thread_;
};

TEST_F(EarlyRequestTest, TheUpgradeIsAnsweredBeforeTheHandshakeIsFinished) {
  const auto session = asked_before("/first");
  HeldClient held(tls_, server_->port(), session.get());
  held.say_early(upgrade("/tunnel"));
  held.hear_handshake();
  EXPECT_TRUE(held.early_data_accepted());
  EXPECT_EQ(held.line(), "HTTP/1.1 101 Switching Protocols\r\n");
}

TEST_F(EarlyRequestTest, EveryOtherRequestWaitsForTheEndOfTheHandshake) {
  const auto session = asked_before("/first");
  HeldClient held(tls_, server_->port(), session.get());
  held.say_early(early_get("/early"));
  held.hear_handshake();
  EXPECT_TRUE(held.early_data_accepted());
  asked_before("/meanwhile");
  held.say_handshake();
  EXPECT_EQ(held.line(), "HTTP/1.1 200 OK\r\n");
  end();
  EXPECT_EQ(notebook_.asked, (std::vector<std::string>{"/first", "/meanwhile", "/early"}));
}

}  // namespace
}  // namespace cfpipe::edge
