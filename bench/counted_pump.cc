// Two event loops in one thread: ours, whose turns are counted, and the peer's, which only shakes hands;
// after that the peer is driven by hand. A turn: give our side what it can take, let it do all that it can
// do, take what came out.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "counted.h"
#include "edge/process/dev_tls.h"
#include "transport/tls/channel.h"
#include "transport/tls/context.h"
#include "transport/websocket/stream.h"
#include "tunnel/fd_stream.h"
#include "tunnel/relay.h"

namespace cfpipe::bench {
namespace {

namespace net = boost::asio;
using net::ip::tcp;
using transport::WsRole;
using tunnel::IoStatus;
using tunnel::Slice;

/// Bytes that a socket between the two sides takes, asked for so that no system setting decides it; the least
/// that Linux allows everybody by default.
constexpr int kSocketBytes = 212'992;
/// Capacity of the pipes in place of the standard streams: what an unprivileged writer may make them.
constexpr int kPipeBytes = 1024 * 1024;
/// Payload of one frame from the peer, and of one write to our side, in bytes.
constexpr std::size_t kPieceBytes = 64 * 1024;
/// Pumped before counting starts, in MiB: buffers have grown by then.
constexpr std::size_t kWarmUp = 4;
constexpr std::chrono::seconds kHandshake{60};
constexpr const char* kName = "vm.localhost";

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

using FdPair = std::array<Fd, 2>;

FdPair socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) fail("socketpair");
  for (const int fd : fds) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof kSocketBytes);
  return {Fd(fds[0]), Fd(fds[1])};
}

FdPair pipe_pair() {
  int fds[2];
  if (::pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) fail("pipe");
  if (::fcntl(fds[1], F_SETPIPE_SZ, kPipeBytes) < 0) fail("F_SETPIPE_SZ");
  return {Fd(fds[0]), Fd(fds[1])};
}

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "counted-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) fail("mkdtemp");
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().detail);
  return std::move(*result);
}

// Both ends of a TLS connection by the programs' own settings.
class TlsPair {
 public:
  TlsPair() {
    const auto files = value_of(edge::prepare_dev_tls(dir_.path(), {kName}, std::time(nullptr)));
    client_ = value_of(transport::TlsClientContext::make(files.ca_file));
    server_ = value_of(transport::make_tls_server(files.certificate_file, files.key_file));
  }
  transport::SslPtr end(WsRole role) const {
    if (role == WsRole::client) return client_->connection(value_of(Host::parse(kName)));
    transport::SslPtr ssl(SSL_new(server_.get()));
    SSL_set_accept_state(ssl.get());
    return ssl;
  }

 private:
  TempDir dir_;
  std::unique_ptr<transport::TlsClientContext> client_;
  transport::SslCtx server_;
};

std::unique_ptr<transport::TlsChannel> channel(net::io_context& loop, Fd fd, transport::SslPtr ssl) {
  tcp::socket socket(loop);
  socket.assign(tcp::v4(), fd.release());  // only its readiness is of interest, which all kinds have
  return std::make_unique<transport::TlsChannel>(std::move(socket), std::move(ssl));
}

net::awaitable<void> shake_hands(transport::TlsChannel& channel, std::optional<bool>& done) {
  const auto result = co_await channel.handshake(kHandshake, kName);
  done = result.has_value();
}

class Tunnel {
 public:
  explicit Tunnel(Side side) {
    const auto role = side == Side::client ? WsRole::client : WsRole::server;
    const auto other = side == Side::client ? WsRole::server : WsRole::client;
    const TlsPair tls;
    auto wire = socket_pair();
    auto our_channel = channel(ours_, std::move(wire[0]), tls.end(role));
    auto peer_channel = channel(peers_, std::move(wire[1]), tls.end(other));
    establish(*our_channel, *peer_channel);
    far_ = transport::make_websocket_stream(std::move(our_channel), role, true, {});
    peer_ = transport::make_websocket_stream(std::move(peer_channel), other, true, {});
    side == Side::client ? use_pipes() : use_socket();
    if (side == Side::client) {
      relay_.emplace(ours_.get_executor(), *near_, *far_);
    } else {
      relay_.emplace(ours_.get_executor(), *far_, *near_);
    }
    net::co_spawn(ours_, relay_->run(), net::detached);
    turn(false);
  }

  void to_peer(std::size_t bytes, bool counted) {
    std::size_t given = 0;
    std::size_t come = 0;
    while (come < bytes) {
      const auto before = given + come;
      given += feed(bytes - given);
      turn(counted);
      come += drain_peer();
      if (given + come == before) throw std::runtime_error("nothing moves to the peer");
    }
  }

  void from_peer(std::size_t bytes, bool counted) {
    std::size_t given = 0;
    std::size_t come = 0;
    while (come < bytes) {
      const auto before = given + come;
      given += feed_from_peer(bytes - given);
      turn(counted);
      come += drain();
      if (given + come == before) throw std::runtime_error("nothing moves from the peer");
    }
  }

 private:
  void establish(transport::TlsChannel& our_channel, transport::TlsChannel& peer_channel) {
    std::optional<bool> done;
    std::optional<bool> peer_done;
    net::co_spawn(ours_, shake_hands(our_channel, done), net::detached);
    net::co_spawn(peers_, shake_hands(peer_channel, peer_done), net::detached);
    while (!done || !peer_done) {
      const auto ran = ours_.poll() + peers_.poll();
      if (ran == 0) throw std::runtime_error("the handshake stands still");
    }
    if (!*done || !*peer_done) throw std::runtime_error("the handshake failed");
    ours_.restart();
    peers_.restart();
  }

  void use_pipes() {
    auto in = pipe_pair();
    auto out = pipe_pair();
    near_in_ = std::move(in[0]);
    feed_ = std::move(in[1]);
    drain_ = std::move(out[0]);
    near_out_ = std::move(out[1]);
    near_ = tunnel::make_fd_stream(ours_.get_executor(), near_in_.get(), near_out_.get(), false);
    drain_fd_ = drain_.get();
  }

  void use_socket() {
    auto both = socket_pair();
    near_in_ = std::move(both[0]);
    feed_ = std::move(both[1]);
    near_ = tunnel::make_fd_stream(ours_.get_executor(), near_in_.get(), near_in_.get(), false);
    drain_fd_ = feed_.get();
  }

  void turn(bool counted) {
    if (counted) return count([this] { ours_.poll(); });
    ours_.poll();
  }

  std::size_t feed(std::size_t bytes) {
    std::size_t given = 0;
    while (given < bytes) {
      const auto put = ::write(feed_.get(), piece_.data(), std::min(bytes - given, kPieceBytes));
      if (put < 0 && errno != EAGAIN) fail("write");
      if (put <= 0) break;
      given += static_cast<std::size_t>(put);
    }
    return given;
  }

  std::size_t drain() {
    std::size_t come = 0;
    for (;;) {
      const auto got = ::read(drain_fd_, piece_.data(), kPieceBytes);
      if (got < 0 && errno != EAGAIN) fail("read");
      if (got <= 0) return come;
      come += static_cast<std::size_t>(got);
    }
  }

  std::size_t feed_from_peer(std::size_t bytes) {
    std::size_t given = 0;
    while (given < bytes) {
      const std::span<std::byte> all(piece_);
      Slice piece = all.subspan(tunnel::kHeadroom, std::min(bytes - given, kPieceBytes));
      const auto took = peer_->take({&piece, 1});
      given += took.bytes;
      if (took.status != IoStatus::ok) break;
    }
    peer_->flush();
    return given;
  }

  std::size_t drain_peer() {
    std::size_t come = 0;
    while (peer_->fill() == IoStatus::ok) {
      while (!peer_->ready().empty()) {
        const auto size = peer_->ready().front().size();
        peer_->consume(size);
        come += size;
      }
    }
    return come;
  }

  net::io_context ours_{1};
  net::io_context peers_{1};
  Fd near_in_, near_out_, feed_, drain_;
  int drain_fd_ = -1;
  std::vector<std::byte> piece_ = std::vector<std::byte>(tunnel::kHeadroom + kPieceBytes);
  std::unique_ptr<tunnel::Stream> near_, far_, peer_;
  std::optional<tunnel::Relay> relay_;
};

}  // namespace

void pump_to_peer(Side side, std::size_t mebibytes) {
  Tunnel tunnel(side);
  tunnel.to_peer(kWarmUp * kMiB, false);
  tunnel.to_peer(mebibytes * kMiB, true);
}

void pump_from_peer(Side side, std::size_t mebibytes) {
  Tunnel tunnel(side);
  tunnel.from_peer(kWarmUp * kMiB, false);
  tunnel.from_peer(mebibytes * kMiB, true);
}

void echo_keystrokes(Side side, std::size_t keystrokes) {
  Tunnel tunnel(side);
  const auto echo = [&](bool counted) {
    side == Side::client ? tunnel.to_peer(1, counted) : tunnel.from_peer(1, counted);
    side == Side::client ? tunnel.from_peer(1, counted) : tunnel.to_peer(1, counted);
  };
  for (int i = 0; i < 10; ++i) echo(false);
  for (std::size_t i = 0; i < keystrokes; ++i) echo(true);
}

}  // namespace cfpipe::bench
