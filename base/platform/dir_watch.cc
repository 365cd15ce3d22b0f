#include "base/platform/dir_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <string_view>

namespace cfpipe {
namespace {

namespace net = boost::asio;

/// Bytes of events taken at once; one has at most a file name of 255 bytes behind it.
constexpr std::size_t kEventBytes = 4096;

/// Whether one of the events is about a name that begins so. Where some were lost, one may have been.
bool concern(std::string_view events, std::string_view name_start) {
  while (events.size() >= sizeof(inotify_event)) {
    inotify_event event;
    std::memcpy(&event, events.data(), sizeof event);
    events.remove_prefix(sizeof event);
    const std::string_view name = events.substr(0, event.len);
    if ((event.mask & IN_Q_OVERFLOW) != 0 || name.starts_with(name_start)) return true;
    events.remove_prefix(name.size());
  }
  return false;
}

}  // namespace

DirWatch::DirWatch(net::any_io_executor executor, const std::string& path, std::string name_start)
    : events_(executor),
      timer_(std::make_shared<net::steady_timer>(executor)),
      name_start_(std::move(name_start)) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return;
  if (::inotify_add_watch(fd, path.c_str(), IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_CLOSE_WRITE) < 0) {
    ::close(fd);
    return;
  }
  boost::system::error_code error;
  events_.assign(fd, error);
  if (error) ::close(fd);
}

net::awaitable<void> DirWatch::changed(std::chrono::milliseconds at_most) {
  timer_->expires_after(at_most);
  while (!take_events()) {
    if (events_.is_open()) {
      events_.async_wait(net::posix::stream_descriptor::wait_read,
                         [timer = timer_](const boost::system::error_code& error) {
                           if (!error) timer->cancel();
                         });
    }
    const auto [woken] = co_await timer_->async_wait(net::as_tuple(net::use_awaitable));
    if (woken) continue;
    boost::system::error_code ignored;
    events_.cancel(ignored);
    break;
  }
}

bool DirWatch::take_events() {
  if (!events_.is_open()) return false;
  bool ours = false;
  std::array<char, kEventBytes> events;
  for (;;) {
    const ssize_t count = ::read(events_.native_handle(), events.data(), events.size());
    if (count <= 0) return ours;
    ours = concern({events.data(), static_cast<std::size_t>(count)}, name_start_) || ours;
  }
}

}  // namespace cfpipe
