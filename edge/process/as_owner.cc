#include "edge/process/as_owner.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <optional>
#include <utility>

#include "base/platform/own_file.h"
#include "base/shortage.h"
#include "edge/process/console.h"

namespace cfpipe::edge {
namespace {

/// Bytes of the child's output that are read at a time.
constexpr std::size_t kReadBytes = 64 * 1024;

std::optional<std::string> read_all(int from) {
  std::string output;
  std::array<char, kReadBytes> bytes{};
  for (;;) {
    const ssize_t got = ::read(from, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return output;
    output.append(bytes.data(), static_cast<std::size_t>(got));
    if (output.size() > kMaxChildOutputBytes) return std::nullopt;
  }
}

bool write_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(to, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

/// The child's whole life; its standard error is this process's.
[[noreturn]] void live_as_child(const std::function<int(std::string&)>& work, int to) {
  int status = kUnavailable;
  try {
    std::string output;
    status = work(output);
    if (status == kOk && !write_all(to, output)) status = kUnavailable;
  } catch (...) {
    status = complain_of_exception(failure_of_exception(std::current_exception(), Stage::state));
  }
  ::_exit(status);
}

}  // namespace

Result<void> check_owner(const std::string& state_dir) {
  return service::check_owner(state_dir, "edge");
}

Result<void> become_owner(const std::string& state_dir, Keep keep, Missing missing) {
  return service::become_owner(state_dir, kServiceAccount, keep, missing);
}

Result<ChildEnd> run_in_child(const std::function<int(std::string&)>& work) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return system_failure(Stage::state, Cause::system_short, "pipe", errno);
  Fd from(ends[0]), to(ends[1]);
  (void)std::fflush(stdout);
  const pid_t child = ::fork();
  if (child < 0) return system_failure(Stage::state, Cause::system_short, "fork", errno);
  if (child == 0) live_as_child(work, to.get());
  to = Fd();
  auto output = read_all(from.get());
  from = Fd();  // a child that has more to say is not waited for
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) {
    complain("a process of this command was ended by signal " + std::to_string(WTERMSIG(status)) +
             "; run it again");
    return ChildEnd{kUnavailable, {}};
  }
  if (!output) {
    complain("what the state holds for this is larger than 64 MiB; show this line to the maintainers");
    return ChildEnd{kUnavailable, {}};
  }
  return ChildEnd{WEXITSTATUS(status), std::move(*output)};
}

}  // namespace cfpipe::edge
