#include "auth/dir_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;

/// Bytes of events taken at once; what they say does not matter.
constexpr std::size_t kEventBytes = 4096;

}  // namespace

DirWatch::DirWatch(net::any_io_executor executor, const std::string& path)
    : events_(executor), timer_(std::make_shared<net::steady_timer>(executor)) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return;
  if (::inotify_add_watch(fd, path.c_str(), IN_MOVED_TO | IN_DELETE | IN_CLOSE_WRITE) < 0) {
    ::close(fd);
    return;
  }
  boost::system::error_code error;
  events_.assign(fd, error);
  if (error) ::close(fd);
}

net::awaitable<void> DirWatch::changed(std::chrono::milliseconds at_most) {
  timer_->expires_after(at_most);
  if (events_.is_open()) {
    events_.async_wait(net::posix::stream_descriptor::wait_read,
                       [timer = timer_](const boost::system::error_code& error) {
                         if (!error) timer->cancel();
                       });
  }
  co_await timer_->async_wait(net::as_tuple(net::use_awaitable));
  if (!events_.is_open()) co_return;
  boost::system::error_code ignored;
  events_.cancel(ignored);
  drain();
}

void DirWatch::drain() {
  std::array<char, kEventBytes> events;
  while (::read(events_.native_handle(), events.data(), events.size()) > 0) {
  }
}

}  // namespace cfpipe::auth
