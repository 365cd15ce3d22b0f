#include "edge/process/public_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/platform/own_file.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kStandardInput = "-";

Failure unusable(const std::string& name, const std::string& why) {
  return {Stage::input, Cause::file_unusable, name + " " + why};
}

/// The descriptor that a path stands for, where that is one of this process.
std::optional<int> descriptor_of(std::string_view path) {
  if (path == kStandardInput || path == "/dev/stdin") return STDIN_FILENO;
  for (const std::string_view directory : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(directory)) continue;
    const std::string_view digits = path.substr(directory.size());
    int number = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc() && end == digits.data() + digits.size() && number >= 0) return number;
  }
  return std::nullopt;
}

Result<std::string> read_from(int file, const std::string& name) {
  std::string text(kMaxPublicFileBytes + 1, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(file, text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unusable(name, std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  if (length == text.size()) return unusable(name, "holds more than public keys");
  text.resize(length);
  return text;
}

}  // namespace

Result<std::string> read_public_file(const std::string& path) {
  if (const auto descriptor = descriptor_of(path))
    return read_from(*descriptor, *descriptor == STDIN_FILENO ? "standard input" : path);
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file && errno == ENOENT) return unusable(path, "does not exist");
  if (!file) return unusable(path, std::string("cannot be read: ") + std::strerror(errno));
  return read_from(file.get(), path);
}

}  // namespace cfpipe::edge
