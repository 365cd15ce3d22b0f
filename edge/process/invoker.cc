#include "edge/process/invoker.h"

#include <pwd.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>

#include "base/error.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kLoginId = "/proc/self/loginuid";
constexpr uid_t kNoLogin = static_cast<uid_t>(-1);
/// Longest login name that is recorded, in bytes.
constexpr std::size_t kMaxLoginBytes = 64;

std::string name_of(uid_t user) {
  const passwd* entry = ::getpwuid(user);
  return entry != nullptr ? printable(entry->pw_name, kMaxLoginBytes) : std::to_string(user);
}

/// As the kernel keeps it; nothing without a login, as in services and many containers.
std::optional<uid_t> login_id() {
  uid_t id = kNoLogin;
  if (!(std::ifstream(kLoginId) >> id) || id == kNoLogin) return std::nullopt;
  return id;
}

std::string look() {
  if (const auto id = login_id()) return name_of(*id);
  const char* from = std::getenv("SUDO_USER");
  // Only root may say on whose behalf it acts.
  if (::getuid() == 0 && from != nullptr && *from != '\0') return printable(from, kMaxLoginBytes);
  return name_of(::getuid());
}

}  // namespace

const std::string& invoking_user() {
  static const std::string user = look();
  return user;
}

}  // namespace cfpipe::edge
