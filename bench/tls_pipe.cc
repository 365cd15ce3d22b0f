// The yardstick of the pump: bytes through TLS and nothing else.
//
//   tls_pipe client --to ADDR --ca-file F --name HOST [--engine plain|batch]         stdin/stdout to TLS
//   tls_pipe server --to ADDR --cert F --key F [--listen ADDR] [--engine plain|batch]  TLS to TCP, any number
//   at once
//
// One thread, epoll. What the engines do: tls_engine.h. A pipe written to by `batch` is widened to 1 MiB.
// --block BYTES, less than is good for it, makes a bad pump of it: what a comparison has to find.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <limits>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "support.h"
#include "tls_engine.h"

namespace cfpipe::bench {
namespace {

/// One read of the plain side, in bytes.
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kWidePipe = 1024 * 1024;
/// Steps of one pipe before the others have their turn.
constexpr int kTurn = 16;

enum class State { idle, busy, done };

struct Pending {
  std::vector<std::byte> buffer;
  std::size_t begin = 0, end = 0;
  bool eof = false;   // the source has ended
  bool done = false;  // and its end was passed on

  bool empty() const { return begin == end; }
  std::span<std::byte> bytes() { return std::span(buffer).subspan(begin, end - begin); }
};

class Pipe {
 public:
  Pipe(std::unique_ptr<TlsEngine> tls, int socket, int in, int out, std::size_t block)
      : tls_(std::move(tls)), socket_(socket), in_(in), out_(out) {
    up_.buffer.resize(std::min(kReadBytes, block));
    down_.buffer.resize(std::min(tls_->read_size(), block));
    for (const int fd : {socket, in, out}) set_nonblocking(fd);
  }
  ~Pipe() {
    for (const int fd : std::set{socket_, in_, out_}) ::close(fd);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  // Edge-triggered: every wake-up goes on until nothing moves.
  void watch(int epoll) {
    for (const int fd : std::set{socket_, in_, out_}) {
      epoll_event event{EPOLLIN | EPOLLOUT | EPOLLET, {this}};
      ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
  }

  State run() {
    bool moved = true;
    for (int turn = 0; moved && turn < kTurn; ++turn) {
      const bool sent = step_up();
      const bool received = step_down();
      moved = sent || received;
    }
    if (gone_ || (up_.done && down_.done)) return State::done;
    return moved ? State::busy : State::idle;
  }

 private:
  bool step_up() {
    if (up_.done) return false;
    if (up_.empty() && !up_.eof) {
      const auto got = ::read(in_, up_.buffer.data(), up_.buffer.size());
      if (got < 0 && errno == EAGAIN) {
        gone_ = tls_->flush() == Io::eof;
        return false;
      }
      up_.eof = got <= 0;
      up_.begin = 0;
      up_.end = got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    if (up_.empty()) {
      up_.done = tls_->shut_down() == Io::ok;
      return up_.done;
    }
    std::size_t put = 0;
    const Io wrote = tls_->write(up_.bytes(), put);
    up_.begin += put;
    gone_ = wrote == Io::eof;
    return wrote == Io::ok;
  }

  bool step_down() {
    if (down_.done) return false;
    if (down_.empty() && !down_.eof) {
      down_.begin = down_.end = 0;
      const Io read = tls_->read(down_.buffer, down_.end);
      if (read == Io::again) return false;
      down_.eof = read == Io::eof;
    }
    if (down_.empty()) {
      if (::shutdown(out_, SHUT_WR) != 0)
        ::close(std::exchange(out_, ::open("/dev/null", O_WRONLY | O_CLOEXEC)));
      down_.done = true;
      return true;
    }
    const auto put = ::write(out_, down_.bytes().data(), down_.bytes().size());
    if (put < 0) gone_ = errno != EAGAIN;
    if (put > 0) down_.begin += static_cast<std::size_t>(put);
    return put > 0;
  }

  std::unique_ptr<TlsEngine> tls_;
  int socket_, in_, out_;
  Pending up_, down_;
  bool gone_ = false;  // one of the two peers is
};

std::size_t block_of(const Arguments& arguments) {
  return arguments.number("block", std::numeric_limits<std::size_t>::max());
}

void run_client(const Arguments& arguments) {
  const std::string manner = arguments.get("engine", "plain");
  const TlsFiles files{arguments.get("ca-file"), arguments.get("name"), "", ""};
  const int fd = connect_tcp(arguments.get("to"));
  if (manner == "batch") ::fcntl(STDOUT_FILENO, F_SETPIPE_SZ, kWidePipe);
  Pipe pipe(make_engine(manner, make_context(files), files, fd), fd, STDIN_FILENO, STDOUT_FILENO,
            block_of(arguments));
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  pipe.watch(epoll);
  std::array<epoll_event, 3> events;
  for (State state = pipe.run(); state != State::done; state = pipe.run()) {
    if (state == State::idle) ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
  }
}

void run_server(const Arguments& arguments) {
  const std::string manner = arguments.get("engine", "plain");
  const std::string to = arguments.get("to");
  const TlsFiles files{"", "", arguments.get("cert"), arguments.get("key")};
  SSL_CTX* context = make_context(files);
  const int listener = listen_tcp(arguments.get("listen", "127.0.0.1:0"));
  announce(listener);
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event accepting{EPOLLIN, {nullptr}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepting);
  std::array<epoll_event, 64> events;
  std::set<Pipe*> busy;
  for (;;) {
    const int timeout = busy.empty() ? -1 : 0;
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), timeout);
    for (const auto& event : std::span(events).first(static_cast<std::size_t>(std::max(count, 0)))) {
      auto* pipe = static_cast<Pipe*>(event.data.ptr);
      if (pipe == nullptr) {
        const int fd = accept_tcp(listener);
        const int target = connect_tcp(to);
        pipe = new Pipe(make_engine(manner, context, files, fd), fd, target, target, block_of(arguments));
        pipe->watch(epoll);
      }
      busy.insert(pipe);
    }
    for (auto i = busy.begin(); i != busy.end();) {
      auto* const pipe = *i;
      const State state = pipe->run();
      i = state == State::busy ? std::next(i) : busy.erase(i);
      if (state == State::done) delete pipe;
    }
  }
}

}  // namespace
}  // namespace cfpipe::bench

int main(int argc, char** argv) {
  using namespace cfpipe::bench;
  ::signal(SIGPIPE, SIG_IGN);
  const std::string role = argc > 1 ? argv[1] : "";
  const Arguments arguments(argc, argv, 2);
  if (role == "client") {
    run_client(arguments);
  } else if (role == "server") {
    run_server(arguments);
  } else {
    die("client or server");
  }
  return 0;
}
