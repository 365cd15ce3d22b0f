// Clients that take their time: each part of a connection has its own, however slowly it moves on. And
// connections that are too many for their address.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <ctime>
#include <numeric>
#include <optional>
#include <string>
#include <thread>

#include "edge/dev_tls.h"
#include "edge/edge_fixture.h"
#include "edge/server.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kPatience = 400ms;
/// For what must come, on a machine that has much else to do.
constexpr auto kDeadline = 30s;
constexpr int kTrickleMilliseconds = 20;
/// More than the system takes of an answer without its reader.
constexpr std::size_t kLargeAnswer = 64 * 1024 * 1024;

class Pages final : public Site {
 public:
  net::awaitable<Answer> handle(const Request& request) override {
    Answer answer;
    answer.body = request.path == "/large" ? std::string(kLargeAnswer, 'x') : "page";
    co_return answer;
  }
  std::variant<TunnelGrant, Answer> upgrade(const Request&) override { return Answer{}; }
  std::int64_t opened(const TunnelGrant&, const Request&, std::shared_ptr<TunnelEnd>) override { return 0; }
  void closed(std::int64_t, std::uint64_t, std::uint64_t, std::string_view) override {}
};

/// A client on plain sockets, which says what it is told to and no more.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(io_) {
    socket_.connect({net::ip::address_v4::loopback(), port});
  }
  ~Client() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool handshake(std::string_view alpn) {
    const std::string wire = static_cast<char>(alpn.size()) + std::string(alpn);
    context_ = SSL_CTX_new(TLS_client_method());
    ssl_ = SSL_new(context_);
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
    SSL_set_fd(ssl_, socket_.native_handle());
    return SSL_connect(ssl_) == 1;
  }
  /// False: nobody takes it any more.
  bool say(std::string_view bytes) {
    if (ssl_ != nullptr) return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
    return ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0;
  }
  /// All that is said until the end; `filler` is sent again and again meanwhile. Nothing: there was no end.
  std::optional<std::string> hear(std::string_view filler = {}) {
    std::string out;
    for (const auto until = Clock::now() + kDeadline; Clock::now() < until;) {
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

 private:
  net::io_context io_;
  net::ip::tcp::socket socket_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
};

class SlowClients : public ::testing::Test {
 protected:
  SlowClients() {
    std::signal(SIGPIPE, SIG_IGN);
    tls_ = prepare_dev_tls(dir_.file("state"), {"vm.localhost"}, std::time(nullptr)).value();
    options_.listen = {net::ip::address_v4::loopback(), 0};
    options_.certificate_file = tls_.certificate_file;
    options_.key_file = tls_.key_file;
  }
  ~SlowClients() override {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
    server_.reset();
  }

  void start() {
    server_ = Server::open(loop_.get_executor(), options_, site_).value();
    net::co_spawn(loop_, server_->run(), net::detached);
    thread_ = std::thread([this] { loop_.run(); });
  }
  std::uint16_t port() const { return server_->port(); }
  bool until_connections_are(std::size_t count) const {
    for (const auto until = Clock::now() + kDeadline; Clock::now() < until;) {
      const auto loads = server_->loads();
      if (std::accumulate(loads.begin(), loads.end(), std::size_t{0}) == count) return true;
      std::this_thread::sleep_for(5ms);  // loads() can only be looked at, not waited for
    }
    return false;
  }

  TempDir dir_;
  DevTls tls_;
  Pages pages_;
  ServerOptions options_;
  net::io_context loop_{1};
  SiteLoop site_{loop_.get_executor(), pages_};
  std::unique_ptr<Server> server_;
  net::executor_work_guard<net::io_context::executor_type> work_{loop_.get_executor()};
  std::thread thread_;
};

std::string frame(char type, char flags, char stream, const std::string& payload) {
  std::string out(2, '\0');
  out += static_cast<char>(payload.size());
  out += {type, flags, '\0', '\0', '\0', stream};
  return out + payload;
}
constexpr char kData = 0, kHeaders = 1, kSettings = 4;
constexpr char kEndStream = 1, kEndHeaders = 4;
std::string preface(const std::string& settings = {}) {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(kSettings, 0, 0, settings);
}
/// `:method`, `:scheme https`, `:path`, `:authority` as HPACK's static table has them (RFC 7541 A).
std::string head(bool post, const std::string& path) {
  return std::string(post ? "\x83" : "\x82") + "\x87" + std::string("\x04", 1) +
         static_cast<char>(path.size()) + path + "\x01\x0cvm.localhost";
}

TEST_F(SlowClients, HaveSoLongForTheHandshake) {
  options_.patience.handshake = kPatience;
  start();
  Client silent(port());
  EXPECT_TRUE(silent.hear());
  Client slow(port());
  // A record of 512 bytes, in no hurry.
  slow.say(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  EXPECT_TRUE(slow.hear("x"));
  EXPECT_TRUE(until_connections_are(0));
}

TEST_F(SlowClients, HaveSoLongForAHeadAndForABody) {
  options_.patience.request = kPatience;
  start();
  for (const char* begun : {"GET / HTTP/1.1\r\nHost: vm.localhost\r\nX: ",
                            "POST / HTTP/1.1\r\nHost: vm.localhost\r\nContent-Length: 200000\r\n\r\n"}) {
    Client client(port());
    ASSERT_TRUE(client.handshake("http/1.1"));
    client.say(begun);
    const auto heard = client.hear("x");
    ASSERT_TRUE(heard) << begun;
    EXPECT_TRUE(heard->starts_with("HTTP/1.1 408 ")) << *heard;
  }
}

TEST_F(SlowClients, HaveSoLongForTheNextRequest) {
  options_.patience.request = kPatience;
  start();
  Client client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  client.say("GET / HTTP/1.1\r\nHost: vm.localhost\r\n\r\n");
  const auto heard = client.hear();
  ASSERT_TRUE(heard);
  EXPECT_TRUE(heard->starts_with("HTTP/1.1 200 ") && heard->ends_with("\r\n\r\npage")) << *heard;
}

TEST_F(SlowClients, HaveSoLongToTakeAnAnswer) {
  options_.patience.request = kPatience;
  start();
  Client client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  client.say("GET /large HTTP/1.1\r\nHost: vm.localhost\r\n\r\n");
  EXPECT_TRUE(until_connections_are(0));
}

TEST_F(SlowClients, HaveSoLongWithoutAStreamOfHttp2) {
  options_.patience.h2_idle = kPatience;
  start();
  Client silent(port());
  ASSERT_TRUE(silent.handshake("h2"));
  silent.say(preface());
  EXPECT_TRUE(silent.hear());
  // A head that goes on and on, in a frame of 200 bytes and then in none.
  Client slow(port());
  ASSERT_TRUE(slow.handshake("h2"));
  slow.say(preface() + frame(kHeaders, kEndStream, 1, head(false, "/")));
  EXPECT_TRUE(slow.hear());
  Client trickle(port());
  ASSERT_TRUE(trickle.handshake("h2"));
  const std::string started = frame(kHeaders, kEndStream | kEndHeaders, 1, std::string(200, '\x82'));
  trickle.say(preface() + started.substr(0, 20));
  EXPECT_TRUE(trickle.hear("\x82"));
}

TEST_F(SlowClients, HaveSoLongForABodyOverHttp2) {
  options_.patience.request = options_.patience.h2_idle = kPatience;
  start();
  Client client(port());
  ASSERT_TRUE(client.handshake("h2"));
  client.say(preface() + frame(kHeaders, kEndHeaders, 1, head(true, "/")));
  const auto heard = client.hear(frame(kData, 0, 1, "x"));
  ASSERT_TRUE(heard);
  EXPECT_NE(heard->find("too slow"), std::string::npos);
}

TEST_F(SlowClients, HaveSoLongToTakeAnAnswerOverHttp2) {
  options_.patience.request = options_.patience.h2_idle = kPatience;
  start();
  Client client(port());
  ASSERT_TRUE(client.handshake("h2"));
  // SETTINGS_INITIAL_WINDOW_SIZE 0: nothing of an answer's body may be sent.
  const std::string no_window("\x00\x04\x00\x00\x00\x00", 6);
  client.say(preface(no_window) + frame(kHeaders, kEndStream | kEndHeaders, 1, head(false, "/")));
  EXPECT_TRUE(client.hear());
  EXPECT_TRUE(until_connections_are(0));
}

TEST_F(SlowClients, OfOneAddressHaveSoManyConnections) {
  options_.max_connections_per_address = 2;
  start();
  Client first(port());
  std::optional<Client> second(port());
  ASSERT_TRUE(until_connections_are(2));
  Client third(port());
  EXPECT_EQ(third.hear(), "");
  EXPECT_EQ(server_->refused_connections(), 1u);
  second.reset();
  ASSERT_TRUE(until_connections_are(1));
  Client fourth(port());
  EXPECT_TRUE(until_connections_are(2));
  EXPECT_TRUE(fourth.handshake("http/1.1"));
}

}  // namespace
}  // namespace cfpipe::edge
