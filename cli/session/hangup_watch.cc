#include "cli/session/hangup_watch.h"

#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <fstream>
#include <list>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;

/// /dev/null, as Linux numbers it.
constexpr unsigned kNullMajor = 1;
constexpr unsigned kNullMinor = 3;

bool is_null(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == makedev(kNullMajor, kNullMinor);
}

std::string file_of(pid_t pid, const char* name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  // Not by iterators of the buffer: they throw where the process ends while it is being read.
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Words of a command line end with a zero byte each.
bool is_shell_with_command(pid_t pid) {
  const std::string line = file_of(pid, "cmdline");
  return line.find(std::string_view("\0-c\0", 4)) == line.find('\0') && !line.empty();
}

/// Or 0.
pid_t parent_of(pid_t pid) {
  const std::string stat = file_of(pid, "stat");
  const auto name_end = stat.rfind(')');  // the name may hold anything, what follows it does not
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string state;
  pid_t parent = 0;
  return fields >> state >> parent ? parent : 0;
}

/// True if the system will tell of its end. EPOLLHUP and EPOLLERR come unasked; nothing else is wanted, since
/// whether there is something to read is the relay's affair.
bool watch(int epoll, int fd) {
  epoll_event event{};
  event.data.fd = fd;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

// An epoll of its own, because the loop's has the same two descriptors for the relay.
struct HangUpWatch::Impl : std::enable_shared_from_this<Impl> {
  Impl(const net::any_io_executor& executor, int i, int o, std::function<void()> then)
      : epoll(executor), in(i), out(o), gone(std::move(then)) {}

  bool start() {
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return false;
    epoll.assign(fd);
    in_ended = !watch(fd, in);
    return watch(fd, out);
  }

  void wait() {
    epoll.async_wait(net::posix::descriptor_base::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error && self->gone) self->look();
                     });
  }

  // One that has ended is taken off, or it would be told of again at once and for ever. Where that fails the
  // number means another file by now: the relay has passed the end on.
  void look() {
    std::array<epoll_event, 2> events{};
    const int count = ::epoll_wait(epoll.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    bool taken_off = true;
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      (fd == in ? in_ended : out_ended) = true;
      taken_off = ::epoll_ctl(epoll.native_handle(), EPOLL_CTL_DEL, fd, nullptr) == 0 && taken_off;
    }
    if (in_ended && out_ended) return std::exchange(gone, nullptr)();
    if (taken_off) wait();
  }

  net::posix::stream_descriptor epoll;
  const int in;
  const int out;
  bool in_ended = false;
  bool out_ended = false;
  std::function<void()> gone;
};

HangUpWatch::HangUpWatch(const net::any_io_executor& executor, int in, int out, std::function<void()> gone)
    : impl_(std::make_shared<Impl>(executor, in, out, std::move(gone))) {
  if (impl_->start()) impl_->wait();
}

HangUpWatch::~HangUpWatch() {
  impl_->gone = nullptr;
  boost::system::error_code ignored;
  impl_->epoll.close(ignored);
}

struct ParentWatch::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(std::function<void()> then) : gone(std::move(then)) {}

  void watch(const net::any_io_executor& executor, pid_t pid) {
    // Not by its name: glibc 2.36 declares that for C only.
    const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) return;
    auto& process = processes.emplace_back(executor);
    boost::system::error_code error;
    process.assign(fd, error);
    if (error) {
      ::close(fd);
      return;
    }
    process.async_wait(net::posix::descriptor_base::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& failed) {
                         if (!failed && self->gone) std::exchange(self->gone, nullptr)();
                       });
  }

  std::list<net::posix::stream_descriptor> processes;
  std::function<void()> gone;
};

ParentWatch::ParentWatch(const net::any_io_executor& executor, int in, int out, std::function<void()> gone)
    : impl_(std::make_shared<Impl>(std::move(gone))) {
  if (!is_null(in) || !is_null(out)) return;
  const pid_t parent = ::getppid();
  impl_->watch(executor, parent);
  if (!is_shell_with_command(parent)) return;
  if (const pid_t above = parent_of(parent); above > 0) impl_->watch(executor, above);
}

ParentWatch::~ParentWatch() {
  impl_->gone = nullptr;
  boost::system::error_code ignored;
  for (auto& process : impl_->processes) process.close(ignored);
}

}  // namespace cfpipe::cli
