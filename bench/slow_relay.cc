// A TCP relay that makes loopback as slow as a long link, and says what passed it.
//
// The wire it stands for takes `--delay-ms` for one way and has room for all that is on it. Seen from the
// client:
//   0    connect: the system accepts at once, although on the wire the SYN has only just left
//   2 D  the SYN-ACK would arrive: what the client has sent before counts as sent now
//   3 D  its acknowledgement arrives: only now the relay connects to the target, as that would accept now
// So a connect costs a round trip although it does not look like one: a server that answers at once has sent
// its answer to the client's first bytes, and the client has it, at 4 D. What a client works between its
// connect and its first bytes is hidden behind those 2 D, as if it had done it while the SYN was under way.
// From then on every byte takes D, each end and reset likewise.
//
// All times, in the log too, are those of the client's end of the wire, on CLOCK_MONOTONIC.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace {

namespace net = boost::asio;
using net::ip::tcp;
using Clock = std::chrono::steady_clock;

/// Bytes under way in one direction at most: 5 Gbit/s at 100 ms one way. A sender of more waits.
constexpr std::size_t kInFlight = 64 * 1024 * 1024;
/// Bytes read at once, and of these the least that are not copied into a buffer of their own size.
constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kKeepBuffer = kReadBytes / 4;
/// Pieces written by one system call.
constexpr std::size_t kGather = 16;
constexpr std::size_t kMaxConnections = 4096;
constexpr std::chrono::milliseconds kMaxDelay{10'000};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kUsage = 64;
constexpr int kUnavailable = 69;

struct Options {
  tcp::endpoint to;
  tcp::endpoint listen{net::ip::address_v4::loopback(), 0};
  Clock::duration delay{0};
  std::string log_file;
};

/// JSON lines, each whole in the file as soon as it has happened.
class Log {
 public:
  bool open(const std::string& path) {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return fd_ >= 0;
  }
  void write(std::string_view event, std::uint64_t connection, Clock::time_point when,
             const std::string& more = {}) {
    if (fd_ < 0) return;
    const auto line = fmt::format("{{\"event\":\"{}\",\"connection\":{},\"time\":{:.6f}{}}}\n", event,
                                  connection, seconds(when), more);
    if (::write(fd_, line.data(), line.size()) < 0) std::perror("slow_relay: log");
  }
  static double seconds(Clock::time_point when) {
    return std::chrono::duration<double>(when.time_since_epoch()).count();
  }

 private:
  int fd_ = -1;
};

/// What is under way from one end to the other, and how it ends.
struct Link {
  explicit Link(const net::any_io_executor& executor) : arrival(executor), room(executor) {}
  struct Piece {
    std::unique_ptr<char[]> data;
    std::size_t size;  ///< 0: the end of the stream
    Clock::time_point due;
    bool reset;  ///< the end came as a reset
  };
  std::deque<Piece> pieces;
  std::size_t held = 0;
  std::unique_ptr<char[]> scratch;  ///< kReadBytes, or none
  net::steady_timer arrival;        ///< waited on for a first piece, or until one is due
  net::steady_timer room;

  /// What a read left in the scratch buffer: the buffer itself, or a copy if it was next to nothing.
  std::unique_ptr<char[]> take(std::size_t size) {
    if (size >= kKeepBuffer) return std::move(scratch);
    auto copy = std::make_unique_for_overwrite<char[]>(size);
    std::copy_n(scratch.get(), size, copy.get());
    return copy;
  }

  std::uint64_t total = 0;
  Clock::time_point first{};  ///< at the client's end
  Clock::time_point last{};
};

std::string counts(const char* name, const Link& link) {
  if (link.total == 0) return fmt::format(",\"{}\":{{\"bytes\":0}}", name);
  return fmt::format(",\"{}\":{{\"bytes\":{},\"first\":{:.6f},\"last\":{:.6f}}}", name, link.total,
                     Log::seconds(link.first), Log::seconds(link.last));
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket client, const Options& options, Log& log, std::uint64_t id)
      : options_(options),
        log_(log),
        id_(id),
        client_(std::move(client)),
        target_(client_.get_executor()),
        up_(client_.get_executor()),
        down_(client_.get_executor()) {
    log_.write("open", id_, accepted_);
  }
  ~Connection() { log_.write("close", id_, Clock::now(), counts("up", up_) + counts("down", down_)); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    const auto self = shared_from_this();
    spawn(self->read(client_, up_, true));
    spawn(self->connect_and_write());
  }

 private:
  void spawn(net::awaitable<void> task) {
    net::co_spawn(client_.get_executor(), std::move(task),
                  [self = shared_from_this()](std::exception_ptr) {});
  }

  void count(Link& link, std::size_t bytes, bool up) {
    link.last = Clock::now();
    if (link.total == 0) {
      link.first = link.last;
      log_.write(up ? "up" : "down", id_, link.last);
    }
    link.total += bytes;
  }

  void put(Link& link, Link::Piece piece) {
    link.held += piece.size;
    link.pieces.push_back(std::move(piece));
    if (link.pieces.size() == 1) link.arrival.cancel();
  }

  net::awaitable<void> read(tcp::socket& from, Link& link, bool up) {
    boost::system::error_code error;
    while (!error) {
      while (link.held >= kInFlight && !cut_) {
        link.room.expires_at(Clock::time_point::max());
        co_await link.room.async_wait(net::as_tuple(net::use_awaitable));
      }
      if (cut_) co_return;
      if (!link.scratch) link.scratch = std::make_unique_for_overwrite<char[]>(kReadBytes);
      std::size_t got = 0;
      std::tie(error, got) = co_await from.async_read_some(net::buffer(link.scratch.get(), kReadBytes),
                                                           net::as_tuple(net::use_awaitable));
      if (cut_) co_return;
      if (up && got > 0) count(link, got, up);
      const auto sent = up ? std::max(Clock::now(), accepted_ + 2 * options_.delay) : Clock::now();
      put(link, {link.take(got), got, sent + options_.delay, error && error != net::error::eof});
    }
  }

  net::awaitable<void> connect_and_write() {
    net::steady_timer established(client_.get_executor(), accepted_ + 3 * options_.delay);
    co_await established.async_wait(net::as_tuple(net::use_awaitable));
    const auto [error] = co_await target_.async_connect(options_.to, net::as_tuple(net::use_awaitable));
    if (error) {
      std::fprintf(stderr, "slow_relay: cannot connect to the target: %s\n", error.message().c_str());
      cut();
      co_return;
    }
    boost::system::error_code ignored;
    target_.set_option(tcp::no_delay(true), ignored);
    spawn(read(target_, down_, false));
    spawn(write(client_, down_, false));
    co_await write(target_, up_, true);
  }

  /// Waits until the front piece is due. False once the connection has been cut.
  net::awaitable<bool> front_is_due(Link& link) {
    while (!cut_) {
      const bool any = !link.pieces.empty();
      if (any && link.pieces.front().due <= Clock::now()) break;
      link.arrival.expires_at(any ? link.pieces.front().due : Clock::time_point::max());
      co_await link.arrival.async_wait(net::as_tuple(net::use_awaitable));
    }
    co_return !cut_;
  }

  net::awaitable<void> write(tcp::socket& to, Link& link, bool up) {
    for (;;) {
      const bool due = co_await front_is_due(link);
      if (!due) co_return;
      std::vector<net::const_buffer> batch;
      std::size_t bytes = 0;
      for (const auto& piece : link.pieces) {
        if (piece.size == 0 || piece.due > Clock::now() || batch.size() == kGather) break;
        batch.push_back(net::buffer(piece.data.get(), piece.size));
        bytes += piece.size;
      }
      if (batch.empty()) co_return end(to, link.pieces.front().reset);
      const auto [error, written] = co_await net::async_write(to, batch, net::as_tuple(net::use_awaitable));
      if (cut_) co_return;
      if (error) co_return cut();
      if (!up) count(link, bytes, up);
      link.pieces.erase(link.pieces.begin(), link.pieces.begin() + static_cast<std::ptrdiff_t>(batch.size()));
      link.held -= bytes;
      link.room.cancel();
    }
  }

  void end(tcp::socket& to, bool reset) {
    if (reset) return cut();
    boost::system::error_code ignored;
    to.shutdown(tcp::socket::shutdown_send, ignored);
  }

  /// A reset in either direction, or no listener there: both sides see a reset.
  void cut() {
    cut_ = true;
    boost::system::error_code ignored;
    for (auto* socket : {&client_, &target_}) {
      if (!socket->is_open()) continue;
      socket->set_option(tcp::socket::linger(true, 0), ignored);
      socket->close(ignored);
    }
    for (auto* timer : {&up_.arrival, &up_.room, &down_.arrival, &down_.room}) timer->cancel();
  }

  const Options& options_;
  Log& log_;
  const std::uint64_t id_;
  const Clock::time_point accepted_ = Clock::now();
  tcp::socket client_;
  tcp::socket target_;
  Link up_;
  Link down_;
  bool cut_ = false;
};

net::awaitable<void> accept(tcp::acceptor& acceptor, const Options& options, Log& log) {
  std::uint64_t last = 0;
  std::vector<std::weak_ptr<Connection>> open;
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(net::as_tuple(net::use_awaitable));
    if (error) {
      net::steady_timer pause(acceptor.get_executor(), kAcceptPause);
      co_await pause.async_wait(net::as_tuple(net::use_awaitable));
      continue;
    }
    std::erase_if(open, [](const auto& one) { return one.expired(); });
    if (open.size() >= kMaxConnections) continue;
    socket.set_option(tcp::no_delay(true), error);
    const auto connection = std::make_shared<Connection>(std::move(socket), options, log, ++last);
    open.push_back(connection);
    connection->start();
  }
}

/// `ADDRESS:PORT` with a literal address; the empty string if it is one, else a complaint.
std::string read_endpoint(const std::string& text, tcp::endpoint& out) {
  const auto colon = text.rfind(':');
  std::uint16_t port = 0;
  boost::system::error_code error;
  if (colon == std::string::npos) return "needs ADDRESS:PORT";
  const auto [end, bad] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (bad != std::errc() || end != text.data() + text.size()) return "has no port";
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const auto address = net::ip::make_address(host, error);
  if (error) return "needs a literal address";
  out = {address, port};
  return {};
}

int serve(const Options& options) {
  Log log;
  if (!options.log_file.empty() && !log.open(options.log_file)) {
    std::perror(("slow_relay: " + options.log_file).c_str());
    return kUnavailable;
  }
  net::io_context io(1);
  tcp::acceptor acceptor(io, options.listen);
  net::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&io](const boost::system::error_code&, int) { io.stop(); });
  net::co_spawn(io, accept(acceptor, options, log), net::detached);
  const auto here = acceptor.local_endpoint();
  const auto address = here.address().to_string();
  std::printf("ready %s:%u\n", here.address().is_v6() ? ("[" + address + "]").c_str() : address.c_str(),
              static_cast<unsigned>(here.port()));
  std::fflush(stdout);
  io.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  double delay_ms = 0;
  CLI::App app("Relays TCP with a delay, and counts. Prints `ready ADDRESS:PORT`; SIGTERM ends it.",
               "slow_relay");
  const auto endpoint = [](tcp::endpoint& out) {
    return [&out](const CLI::results_t& text) {
      const auto complaint = read_endpoint(text.front(), out);
      if (!complaint.empty()) throw CLI::ValidationError(text.front() + " " + complaint);
      return true;
    };
  };
  app.add_option("--to", endpoint(options.to), "where connections go, ADDRESS:PORT")->required();
  app.add_option("--listen", endpoint(options.listen), "where they come from; 127.0.0.1:0 unless given");
  app.add_option("--delay-ms", delay_ms, "one way; a round trip takes twice as long")
      ->required()
      ->check(CLI::Range(0.0, static_cast<double>(kMaxDelay.count())));
  app.add_option("--log", options.log_file, "one JSON object a line: open, up and down (first bytes), close");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  options.delay =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(delay_ms));
  try {
    return serve(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "slow_relay: %s\n", error.what());
    return kUnavailable;
  }
}
