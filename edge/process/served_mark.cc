#include "edge/process/served_mark.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <ctime>
#include <utility>

#include "base/platform/own_file.h"

namespace cfpipe::edge {

std::int64_t ServedMark::time() const {
  struct stat info {};
  if (::lstat(path_.c_str(), &info) != 0) return 0;
  return std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

// The time is given, for that of the kernel stands still between two ticks. Without the mark, as on a full
// disk, only processes that drain lack something.
void ServedMark::set() {
  const Fd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::array<timespec, 2> times{now, now};
  if (file) (void)::futimens(file.get(), times.data());
  seen_ = time();
}

bool ServedMark::changed() {
  const auto before = std::exchange(seen_, time());
  return seen_ != before;
}

}  // namespace cfpipe::edge
