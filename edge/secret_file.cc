#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "auth/own_file.h"
#include "edge/oidc.h"

namespace cfpipe::edge {
namespace {

/// Longest secret, in bytes.
constexpr std::size_t kMaxSecretBytes = 4 * 1024;

transport::Failure unusable(const std::string& why) {
  return {transport::Stage::config, transport::Cause::file_unusable, why};
}

}  // namespace

transport::Result<transport::Secret> read_secret_file(const std::string& path) {
  // O_NONBLOCK: a FIFO must not keep us waiting.
  const auth::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return unusable(errno == ELOOP ? "is a link" : std::strerror(errno));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return unusable(std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return unusable("is not a plain file");
  if (info.st_uid != ::geteuid() && info.st_uid != 0) return unusable("belongs to another user");
  if ((info.st_mode & 077) != 0)
    return unusable("may be read or written by others; make it private with chmod 600");
  std::array<char, kMaxSecretBytes + 1> bytes{};
  const ssize_t got = ::read(file.get(), bytes.data(), bytes.size());
  if (got < 0) return unusable(std::strerror(errno));
  std::string text(bytes.data(), static_cast<std::size_t>(got));
  ::explicit_bzero(bytes.data(), bytes.size());
  transport::Secret whole(std::move(text));
  std::string_view line = whole.reveal().substr(0, whole.reveal().find_first_of("\r\n"));
  if (line.empty()) return unusable("has nothing in its first line");
  if (line.size() > kMaxSecretBytes) return unusable("is larger than 4 KiB");
  return transport::Secret(std::string(line));
}

}  // namespace cfpipe::edge
