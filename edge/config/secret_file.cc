#include "edge/config/secret_file.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/platform/secret_file.h"

namespace cfpipe::edge {
namespace {

/// Longest secret, in bytes.
constexpr std::size_t kMaxSecretBytes = 4 * 1024;

Failure unusable(const std::string& why) {
  return {Stage::config, Cause::file_unusable, why};
}

}  // namespace

Result<Secret> read_secret_file(const std::string& path) {
  const auto file = open_secret_file(path);
  if (!file) return file.error();
  if (!*file) return unusable(std::strerror(ENOENT));
  std::array<char, kMaxSecretBytes + 1> bytes{};
  const ssize_t got = ::read((*file)->fd.get(), bytes.data(), bytes.size());
  if (got < 0) return unusable(std::strerror(errno));
  std::string text(bytes.data(), static_cast<std::size_t>(got));
  ::explicit_bzero(bytes.data(), bytes.size());
  Secret whole(std::move(text));
  std::string_view line = whole.reveal().substr(0, whole.reveal().find_first_of("\r\n"));
  if (line.empty()) return unusable("has nothing in its first line");
  if (line.size() > kMaxSecretBytes) return unusable("is larger than 4 KiB");
  return Secret(std::string(line));
}

}  // namespace cfpipe::edge
