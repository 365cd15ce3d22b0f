#include "cli/session/agent_socket.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "auth/agent/socket.h"

namespace cfpipe::cli {
namespace {

/// What stands for a host name that is too long for a path, in bytes.
constexpr std::size_t kShortNameBytes = 20;
/// What a host of a pattern may be longer than the pattern, in bytes.
constexpr std::size_t kWildcardBytes = 16;
constexpr std::string_view kUser = "%r@";

std::uint32_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return static_cast<std::uint32_t>(hash ^ (hash >> 32U));
}

std::string short_name(const Host& host) {
  return fmt::format("{}-{:08x}", host.text().substr(0, kShortNameBytes - sizeof("-01234567") + 1),
                     hash_of(host.text()));
}

/// One directory, and the names that could be tried there.
class Place {
 public:
  Place(std::string directory, std::string prefix, const SocketPlaces& places, const Host& host)
      : directory_(std::move(directory)),
        prefix_(std::move(prefix)),
        user_bytes_(places.user_bytes),
        host_(host) {}

  std::optional<AgentSocket> with_user() const { return named(std::string(kUser), user_bytes_ + 1); }
  std::optional<AgentSocket> without_user() const { return named({}, 0); }

 private:
  std::optional<AgentSocket> named(const std::string& user, std::size_t user_bytes) const {
    const std::size_t others = directory_.size() + 1 + prefix_.size() + user_bytes;
    const std::size_t whole = host_.text().size() + (host_.is_pattern() ? kWildcardBytes : 0);
    if (others + whole <= auth::kMaxSocketPath) return AgentSocket{directory_, prefix_ + user + "%h"};
    if (host_.is_pattern() || others + kShortNameBytes > auth::kMaxSocketPath) return std::nullopt;
    return AgentSocket{directory_, prefix_ + user + short_name(host_)};
  }

  std::string directory_, prefix_;
  std::size_t user_bytes_;
  const Host& host_;
};

bool is_own_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() &&
         (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// $XDG_RUNTIME_DIR, or what it is on a machine with systemd; empty if there is none that is this user's.
std::string find_runtime_dir() {
  const char* set = std::getenv("XDG_RUNTIME_DIR");
  std::string path = set != nullptr && set[0] == '/' ? set : "/run/user/" + std::to_string(::geteuid());
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return is_own_directory(path) && auth::can_hold_sockets(path) ? path : std::string();
}

}  // namespace

SocketPlaces SocketPlaces::look(const std::string& state_dir) {
  SocketPlaces places;
  places.state_dir = state_dir;
  places.state_holds_sockets = auth::can_hold_sockets(state_dir);
  places.runtime_dir = find_runtime_dir();
  if (const passwd* account = ::getpwuid(::geteuid()); account != nullptr && account->pw_name != nullptr)
    places.user_bytes = std::max(kMaxUserBytes, std::strlen(account->pw_name));
  return places;
}

std::optional<AgentSocket> agent_socket(const SocketPlaces& places, const Host& host) {
  const Place in_state(places.state_dir, "agent-", places, host);
  if (places.state_holds_sockets)
    if (auto socket = in_state.with_user()) return socket;
  if (!places.runtime_dir.empty()) {
    // Which all state directories of a user share.
    const Place at_run_time(places.runtime_dir + "/cfpipe", fmt::format("{:08x}-", hash_of(places.state_dir)),
                            places, host);
    for (auto socket : {at_run_time.with_user(), at_run_time.without_user()})
      if (socket) return socket;
  }
  return places.state_holds_sockets ? in_state.without_user() : std::nullopt;
}

}  // namespace cfpipe::cli
