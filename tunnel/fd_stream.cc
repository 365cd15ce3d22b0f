#include "tunnel/fd_stream.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "tunnel/buffer_pool.h"

namespace cfpipe::tunnel {
namespace net = boost::asio;
namespace {

/// Capacity asked for an outgoing pipe that carries a bulk stream, in bytes.
constexpr int kWidePipe = 1024 * 1024;

// Also of one that has hung up, which answers every question with EIO.
bool is_terminal(int fd) {
  return ::isatty(fd) == 1 || errno == EIO;
}

bool is_socket(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

// Puts a descriptor's file status flags back as they were.
class NonBlocking {
 public:
  explicit NonBlocking(int fd) : fd_(fd), flags_(::fcntl(fd, F_GETFL)) {
    if (flags_ >= 0) ::fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK);
  }
  ~NonBlocking() {
    if (flags_ >= 0) ::fcntl(fd_, F_SETFL, flags_);
  }
  NonBlocking(const NonBlocking&) = delete;
  NonBlocking& operator=(const NonBlocking&) = delete;

 private:
  int fd_;
  int flags_;
};

// Readiness of one descriptor. A regular file, which epoll refuses with EPERM, is always ready.
class Readiness {
 public:
  Readiness(net::any_io_executor executor, int fd) : descriptor_(executor) {
    boost::system::error_code refused;
    descriptor_.assign(fd, refused);
    pollable_ = !refused;
    if (refused.value() != EPERM) error_ = refused.value();
  }
  ~Readiness() { release(); }
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  void wait(net::posix::descriptor_base::wait_type what, Stream::Callback callback) {
    auto run = [callback = std::move(callback), alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) callback();
    };
    if (!pollable_) return net::post(descriptor_.get_executor(), std::move(run));
    descriptor_.async_wait(what, [run = std::move(run)](const boost::system::error_code& error) {
      if (error != net::error::operation_aborted) run();
    });
  }

  // An errno: nothing will ever tell when it is ready (no memory, too many descriptors that are watched); or
  // 0.
  int error() const { return error_; }

  void release() {
    alive_.reset();
    if (descriptor_.is_open()) descriptor_.release();
  }

 private:
  net::posix::stream_descriptor descriptor_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  bool pollable_ = false;
  int error_ = 0;
};

/// What close() is to a peer that has not been told of the end.
enum class Abort { closes, resets };

class FdStream final : public Stream {
 public:
  FdStream(net::any_io_executor executor, int in, int out, bool owned, Abort abort)
      : in_(in), out_(out), owned_(owned), abort_(abort) {
    in_flags_.emplace(in);
    in_ready_.emplace(executor, in);
    if (out != in) {
      out_flags_.emplace(out);
      out_ready_.emplace(executor, out);
    }
    setup_error_ = in_ready_->error();
    if (setup_error_ == 0 && out_ready_) setup_error_ = out_ready_->error();
  }
  ~FdStream() override { FdStream::close(); }

  IoStatus fill() override {
    if (setup_error_ != 0) return fail(setup_error_);
    buffer_.take(kHeadroom + kReadBytes);
    const auto got = ::read(in_, buffer_.data() + kHeadroom, kReadBytes);
    if (got > 0) {
      ready_[0] = Slice(buffer_.data() + kHeadroom, static_cast<std::size_t>(got));
      return IoStatus::ok;
    }
    const int error = errno;
    buffer_.give_back();
    // Writing may have met the reset, which is told once; the reader then sees an end that is none.
    if (got == 0 && error_ == ECONNRESET) return fail(error_);
    if (got == 0) {
      end_ = End::clean;
      return IoStatus::eof;
    }
    if (error == EAGAIN || error == EINTR) return IoStatus::would_block;
    // A terminal whose other side has gone answers EIO: that is its end of file. Everywhere else bytes are
    // missing.
    if (error == EIO && is_terminal(in_)) {
      end_ = End::clean;
      return IoStatus::eof;
    }
    return fail(error);
  }

  std::span<Slice> ready() override {
    return ready_[0].empty() ? std::span<Slice>{} : std::span<Slice>(ready_);
  }
  void consume(std::size_t bytes) override { ready_[0] = ready_[0].subspan(bytes); }
  void on_readable(Callback callback) override {
    in_ready_->wait(net::posix::descriptor_base::wait_read, std::move(callback));
  }

  Took take(std::span<Slice> slices) override {
    if (slices.size() > 1 || (!slices.empty() && slices[0].size() >= kReadBytes / 2)) widen();
    std::array<iovec, 256> vectors;
    std::size_t done = 0;
    while (!slices.empty()) {
      std::size_t count = 0;
      std::size_t total = 0;
      for (; count < slices.size() && count < vectors.size(); ++count) {
        vectors[count] = {slices[count].data(), slices[count].size()};
        total += slices[count].size();
      }
      const auto put = ::writev(out_, vectors.data(), static_cast<int>(count));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) {
        if (errno == EAGAIN) return {IoStatus::would_block, done};
        return {fail(errno), done};
      }
      done += static_cast<std::size_t>(put);
      if (static_cast<std::size_t>(put) < total) return {IoStatus::would_block, done};
      slices = slices.subspan(count);
    }
    return {IoStatus::ok, done};
  }

  IoStatus flush() override { return IoStatus::ok; }

  void breaks_off() override { broken_off_ = true; }

  IoStatus finish() override {
    if (finished_) return IoStatus::ok;
    finished_ = true;
    if (is_socket(out_)) {
      // A FIN would say that all has come.
      if (!broken_off_) ::shutdown(out_, SHUT_WR);
    } else if (out_ != in_) {
      pass_end_of_pipe();
    }
    return IoStatus::ok;
  }

  void on_writable(Callback callback) override {
    auto& ready = out_ready_ ? *out_ready_ : *in_ready_;
    ready.wait(net::posix::descriptor_base::wait_write, std::move(callback));
  }

  bool half_closes() const override { return true; }
  bool open_after_eof() const override { return true; }
  End end() const override { return end_; }
  std::string end_detail() const override {
    return end_ == End::local || end_ == End::cut ? std::strerror(error_) : "";
  }

  void close() override {
    if (in_ < 0) return;
    in_ready_.reset();
    out_ready_.reset();
    // The reverse of the order in which they were taken: both numbers may mean one open file (a terminal), of
    // which the second saw the flags that the first had set.
    out_flags_.reset();
    in_flags_.reset();
    if (abort_ == Abort::resets && !(finished_ && !broken_off_ && end_ == End::clean)) {
      const linger at_once{1, 0};
      ::setsockopt(in_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    if (owned_) {
      ::close(in_);
      if (out_ != in_) ::close(out_);
    }
    in_ = out_ = -1;
  }

 private:
  // A bulk stream into a pipe of 64 KiB costs a switch to the reading process per 64 KiB; reading from one
  // gains nothing by more. What the system refuses (not a pipe, an exhausted quota) stays as it is.
  void widen() {
    if (wide_) return;
    wide_ = true;
    ::fcntl(out_, F_SETPIPE_SZ, kWidePipe);
  }

  IoStatus fail(int error) {
    error_ = error;
    end_ = error_ == EPIPE || error_ == ECONNRESET ? End::cut : End::local;
    return IoStatus::failed;
  }

  // The reader of a pipe sees its end only when no descriptor of it is left. The number stays taken (by
  // /dev/null), so that nothing opened later becomes standard output by accident.
  void pass_end_of_pipe() {
    out_ready_.reset();
    out_flags_.reset();
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0) return;
    ::dup2(null, out_);
    ::close(null);
  }

  int in_;
  int out_;
  bool owned_;
  Abort abort_;
  bool finished_ = false;
  bool broken_off_ = false;  // what was taken is not the whole
  bool wide_ = false;
  End end_ = End::open;
  int error_ = 0;
  int setup_error_ = 0;  // of a descriptor that cannot be waited for
  PooledBuffer buffer_;  // only while there is something in it
  std::array<Slice, 1> ready_{};
  std::optional<NonBlocking> in_flags_, out_flags_;
  std::optional<Readiness> in_ready_, out_ready_;
};

}  // namespace

std::unique_ptr<Stream> make_fd_stream(net::any_io_executor executor, int in, int out, bool owned) {
  return std::make_unique<FdStream>(std::move(executor), in, out, owned, Abort::closes);
}

std::unique_ptr<Stream> make_tcp_stream(net::any_io_executor executor, int fd) {
  return std::make_unique<FdStream>(std::move(executor), fd, fd, true, Abort::resets);
}

}  // namespace cfpipe::tunnel
