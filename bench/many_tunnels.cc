// Many tunnels of one process through one edge, and what they cost that edge:
//   many_tunnels origin
//   many_tunnels open --url HOST:PORT --ca-file F --token-file F --edge PID [--count N] [--at-once N] [--idle
//   SECONDS] many_tunnels tls-state --certificate F --key F --ca-file F --name HOST [--count N]
// `origin` greets and echoes; it is a process of its own, so that neither side's descriptors are counted
// twice. `open` prints one line of JSON. `tls-state` prints the bytes that OpenSSL keeps for one idle server
// connection.
#include <malloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/host.h"
#include "support.h"
#include "transport/tls/context.h"
#include "transport/websocket/client.h"

namespace cfpipe::bench {
namespace net = boost::asio;
namespace {

using Clock = std::chrono::steady_clock;
using Socket = std::unique_ptr<tunnel::Stream>;
using Seconds = std::chrono::duration<double>;

constexpr std::string_view kGreeting = "SSH-2.0-many\r\n";
/// How long one tunnel may take to its greeting, and how long an echo may.
constexpr std::chrono::seconds kTimeout{60};
/// Every how many tunnels one is asked for an echo.
constexpr std::size_t kSampleEvery = 16;
/// How long the edge may do as it likes after the last connect before its memory is read: what it keeps for a
/// moment only has gone by then.
constexpr std::chrono::seconds kSettle{3};

void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) die_errno("epoll_ctl");
}

// False: the connection is over.
bool echo_once(int fd) {
  std::array<std::byte, 4096> block;
  const auto got = ::read(fd, block.data(), block.size());
  return got > 0 && write_all(fd, std::span(block).first(static_cast<std::size_t>(got)));
}

int serve_origin() {
  const int listener = listen_tcp("127.0.0.1:0");
  ::listen(listener, SOMAXCONN);
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, listener);
  announce(listener);
  std::array<epoll_event, 256> events{};
  for (;;) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int accepted = accept_tcp(listener);
        write_all(accepted, std::as_bytes(std::span(kGreeting)));
        watch(epoll, accepted);
      } else if (!echo_once(fd)) {
        ::close(fd);
      }
    }
  }
}

struct Usage {
  double cpu_seconds = 0;
  std::uint64_t resident = 0;  // bytes
};

Usage usage_of(const std::string& pid) {
  Usage out;
  std::string line;
  for (std::ifstream status("/proc/" + pid + "/status"); std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) out.resident = std::stoull(line.substr(6)) * 1024;
  }
  std::getline(std::ifstream("/proc/" + pid + "/stat"), line);
  if (line.empty()) die("no process " + pid);
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  fields >> user >> system;
  out.cpu_seconds = static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return out;
}

// One process's tunnels. All of them stay open until it ends.
class Tunnels {
 public:
  explicit Tunnels(const Arguments& arguments)
      : count_(arguments.number("count", 1000)),
        at_once_(std::min<std::size_t>(arguments.number("at-once", 64), count_)),
        idle_(static_cast<std::int64_t>(arguments.number("idle", 5))),
        edge_(arguments.get("edge")),
        request_(*transport::parse_url(arguments.get("url"))) {
    dial_.ca_file = arguments.get("ca-file");
    dial_.tls = std::move(transport::TlsClientContext::make(dial_.ca_file).value());
    std::string token;
    std::getline(std::ifstream(arguments.get("token-file")), token);
    request_.headers.emplace_back("Cf-Access-Token", token);
    request_.deadline = kTimeout;
  }

  net::awaitable<void> run() {
    // The first one pays for what is made once.
    co_await open_one();
    streams_.clear();
    times_.clear();
    co_await pause(std::chrono::seconds(1));
    const Usage before = usage_of(edge_);
    const auto start = Clock::now();
    co_await open_all();
    const Seconds took = Clock::now() - start;
    const Usage opened = usage_of(edge_);
    co_await pause(kSettle);
    const Usage settled = usage_of(edge_);
    co_await pause(std::chrono::seconds(idle_));
    const Usage rested = usage_of(edge_);
    const std::size_t echoed = co_await echo_sample();
    report(before, opened, settled, rested, took, echoed);
  }

 private:
  static net::awaitable<void> pause(Clock::duration how_long) {
    net::steady_timer timer(co_await net::this_coro::executor, how_long);
    co_await timer.async_wait(net::as_tuple(net::use_awaitable));
  }

  net::awaitable<void> open_all() {
    const auto executor = co_await net::this_coro::executor;
    net::steady_timer all(executor, Clock::time_point::max());
    std::size_t running = at_once_;
    std::size_t next = 0;
    const auto worker = [&]() -> net::awaitable<void> {
      while (next < count_) {
        ++next;
        co_await open_one();
      }
    };
    for (std::size_t i = 0; i < at_once_; ++i) {
      net::co_spawn(executor, worker(), [&](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
        if (--running == 0) all.cancel();
      });
    }
    co_await all.async_wait(net::as_tuple(net::use_awaitable));
  }

  net::awaitable<void> open_one() {
    const auto start = Clock::now();
    transport::HttpClient client(co_await net::this_coro::executor, dial_);
    auto stream = co_await transport::open_websocket(client, request_);
    if (!stream) die("a tunnel was not opened: " + stream.error().detail);
    const auto greeting = co_await read(**stream, kGreeting.size());
    if (greeting != kGreeting) die("a tunnel had no greeting");
    times_.push_back(Seconds(Clock::now() - start).count() * 1e3);
    streams_.push_back(std::move(*stream));
  }

  static net::awaitable<std::string> read(tunnel::Stream& stream, std::size_t size) {
    std::string out;
    while (out.size() < size) {
      const auto status = stream.fill();
      if (status == tunnel::IoStatus::would_block) {
        net::steady_timer wake(co_await net::this_coro::executor, kTimeout);
        stream.on_readable([&wake] { wake.cancel(); });
        const auto [woken] = co_await wake.async_wait(net::as_tuple(net::use_awaitable));
        if (!woken) die("a tunnel is silent");
        continue;
      }
      if (status != tunnel::IoStatus::ok) die("a tunnel ended");
      const auto before = out.size();
      for (const auto& slice : stream.ready())
        out.append(reinterpret_cast<const char*>(slice.data()), slice.size());
      stream.consume(out.size() - before);
    }
    co_return out;
  }

  net::awaitable<std::size_t> echo_sample() {
    std::size_t echoed = 0;
    for (std::size_t i = 0; i < streams_.size(); i += kSampleEvery) {
      const std::string said = "tunnel " + std::to_string(i);
      std::vector<std::byte> room(tunnel::kHeadroom + said.size());
      std::copy_n(std::as_bytes(std::span(said)).begin(), said.size(), room.begin() + tunnel::kHeadroom);
      std::array<tunnel::Slice, 1> slices = {tunnel::Slice(room).subspan(tunnel::kHeadroom)};
      streams_[i]->take(slices);
      streams_[i]->flush();
      const auto heard = co_await read(*streams_[i], said.size());
      if (heard != said) die("tunnel " + std::to_string(i) + " echoes something else");
      ++echoed;
    }
    co_return echoed;
  }

  double percentile(std::size_t percent) {
    std::sort(times_.begin(), times_.end());
    return times_[std::min(times_.size() - 1, times_.size() * percent / 100)];
  }

  void report(const Usage& before, const Usage& opened, const Usage& settled, const Usage& rested,
              Seconds took, std::size_t echoed) {
    const auto count = static_cast<double>(count_);
    const auto grown = static_cast<double>(settled.resident) - static_cast<double>(before.resident);
    std::printf(
        "{\"count\": %zu, \"connect_ms_p50\": %.2f, \"connect_ms_p99\": %.2f, \"connects_per_s\": %.1f, "
        "\"edge_rss_mib\": %.1f, \"edge_bytes_per_tunnel\": %.0f, \"edge_cpu_ms_per_connect\": %.3f, "
        "\"edge_idle_cpu_ms_per_s\": %.2f, \"echoed\": %zu}\n",
        count_, percentile(50), percentile(99), count / took.count(),
        static_cast<double>(settled.resident) / (1024.0 * 1024.0), grown / count,
        (opened.cpu_seconds - before.cpu_seconds) * 1e3 / count,
        (rested.cpu_seconds - settled.cpu_seconds) * 1e3 /
            static_cast<double>(std::max<std::int64_t>(idle_, 1)),
        echoed);
  }

  std::size_t count_;
  std::size_t at_once_;
  std::int64_t idle_;
  std::string edge_;
  transport::DialOptions dial_;
  transport::WebSocketRequest request_;
  std::vector<Socket> streams_;
  std::vector<double> times_;
};

int open_tunnels(const Arguments& arguments) {
  raise_descriptor_limit();
  net::io_context io(1);
  Tunnels tunnels(arguments);
  net::co_spawn(io, tunnels.run(), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
    std::fflush(stdout);
    ::_exit(0);  // the tunnels end with us, all at once
  });
  io.run();
  return 1;
}

// What one side has for the other.
void carry(SSL* from, SSL* to) {
  std::array<char, 16384> block;
  int got = 0;
  while ((got = BIO_read(SSL_get_wbio(from), block.data(), block.size())) > 0)
    BIO_write(SSL_get_rbio(to), block.data(), got);
}

void use_memory(SSL* ssl) {
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
}

// A server's connection object after its handshake and one request and answer, without its wire.
transport::SslPtr idle_server(SSL_CTX* context, const transport::TlsClientContext& client,
                              const std::string& name) {
  transport::SslPtr server(SSL_new(context));
  const transport::SslPtr peer = client.connection(Host::parse(name).value());
  SSL_set_accept_state(server.get());
  use_memory(server.get());
  use_memory(peer.get());
  for (int turn = 0; turn < 4; ++turn) {
    SSL_do_handshake(peer.get());
    carry(peer.get(), server.get());
    SSL_do_handshake(server.get());
    carry(server.get(), peer.get());
  }
  char text[] = "a request";
  SSL_write(peer.get(), text, sizeof text);
  carry(peer.get(), server.get());
  if (SSL_read(server.get(), text, sizeof text) != sizeof text) die("the handshake failed");
  SSL_write(server.get(), text, sizeof text);
  SSL_read(server.get(), text, sizeof text);
  SSL_set_bio(server.get(), nullptr, nullptr);
  return server;
}

int tls_state(const Arguments& arguments) {
  const auto context = transport::make_tls_server(arguments.get("certificate"), arguments.get("key"));
  const auto client = transport::TlsClientContext::make(arguments.get("ca-file"));
  if (!context || !client) die("certificate, key or CA cannot be used");
  const auto count = arguments.number("count", 1000);
  const std::string name = arguments.get("name");
  std::vector<transport::SslPtr> all;
  all.reserve(count + 1);
  all.push_back(idle_server(context->get(), **client, name));
  const auto before = ::mallinfo2();
  for (std::uint64_t i = 0; i < count; ++i) all.push_back(idle_server(context->get(), **client, name));
  const auto after = ::mallinfo2();
  std::printf("%zu\n", (after.uordblks - before.uordblks) / count);
  return 0;
}

}  // namespace
}  // namespace cfpipe::bench

int main(int argc, char** argv) {
  using namespace cfpipe::bench;
  ::signal(SIGPIPE, SIG_IGN);
  const std::string what = argc > 1 ? argv[1] : "";
  const Arguments arguments(argc, argv, 2);
  raise_descriptor_limit();
  if (what == "origin") return serve_origin();
  if (what == "open") return open_tunnels(arguments);
  if (what == "tls-state") return tls_state(arguments);
  die("origin, open or tls-state");
}
