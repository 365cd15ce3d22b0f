#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "cli/session/hangup_watch.h"

namespace cfpipe::cli {
namespace {

/// What a child reports: the process above its parent was watched, and has ended; or it was not watched.
constexpr char kWatched = 'w';
constexpr char kNotWatched = 'n';

/// Field of /proc/PID/stat by its number in proc(5); from 3 on, since the name may hold anything.
unsigned long stat_field(int number) {
  std::ifstream file("/proc/self/stat");
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  std::istringstream fields(all.substr(all.rfind(')') + 1));
  std::string value;
  for (int i = 3; i <= number; ++i) fields >> value;
  return std::stoul(value);
}

/// Makes /proc/PID/cmdline of this process read as `words`. False if the memory of its arguments has no room.
bool set_command_line(const std::vector<std::string>& words) {
  constexpr int kArgStart = 48, kArgEnd = 49;
  auto* const start = reinterpret_cast<char*>(stat_field(kArgStart));
  const std::size_t room = stat_field(kArgEnd) - stat_field(kArgStart);
  std::string line;
  for (const auto& word : words) line += word + '\0';
  if (line.size() > room) return false;
  line.resize(room, '\0');
  std::copy(line.begin(), line.end(), start);
  return true;
}

void wait_for_end_of(int process) {
  pollfd ended{process, POLLIN, 0};
  while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
  }
}

[[noreturn]] void watch_and_tell(pid_t above, int ready, int told) {
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, above, 0));
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  boost::asio::io_context loop;
  bool gone = false;
  const ParentWatch watch(loop.get_executor(), null, null, [&gone] { gone = true; });
  (void)!::write(ready, "r", 1);
  wait_for_end_of(process);
  loop.poll();
  const char result = gone ? kWatched : kNotWatched;
  (void)!::write(told, &result, 1);
  ::_exit(0);
}

/// A process, its child with the command line `words`, and the child of that, which watches. The first ends.
char watched_above(const std::vector<std::string>& words) {
  std::array<int, 2> told{}, ready{};
  EXPECT_EQ(::pipe(told.data()) | ::pipe(ready.data()), 0);
  const pid_t above = ::fork();
  if (above == 0) {
    const pid_t self = ::getpid();
    if (::fork() == 0) {
      if (!set_command_line(words)) ::_exit(1);
      const pid_t watcher = ::fork();
      if (watcher == 0) watch_and_tell(self, ready[1], told[1]);
      ::waitpid(watcher, nullptr, 0);
      ::_exit(0);
    }
    ::close(ready[1]);
    char byte = 0;
    (void)!::read(ready[0], &byte, 1);
    ::_exit(0);
  }
  for (const int fd : {told[1], ready[0], ready[1]}) ::close(fd);
  EXPECT_EQ(::waitpid(above, nullptr, 0), above);
  char result = 0;
  (void)!::read(told[0], &result, 1);
  ::close(told[0]);
  return result;
}

TEST(ParentWatch, LooksPastAShellThatRunsACommand) {
  EXPECT_EQ(watched_above({"sh", "-c", "x"}), kWatched);
}

TEST(ParentWatch, LooksNoFurtherThanAScriptThatHasAnOptionOfThatName) {
  EXPECT_EQ(watched_above({"bash", "s", "-c", "x"}), kNotWatched);
  EXPECT_EQ(watched_above({"bash"}), kNotWatched);
  EXPECT_EQ(watched_above({"a-c", "x"}), kNotWatched);
}

}  // namespace
}  // namespace cfpipe::cli
