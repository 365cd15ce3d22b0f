#include "edge/listener/unix_listener.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/socket_base.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace cfpipe::edge {
namespace {

/// Modes of the socket's file: to connect takes the right to write.
constexpr mode_t kOwnerOnly = 0600;
constexpr mode_t kOwnerAndGroup = 0660;

Failure unix_fault(const Listener& where, const std::string& why) {
  return {Stage::config, Cause::bad_option, "cannot listen on " + where.text() + ": " + why};
}

Failure system_fault(const Listener& where) {
  return unix_fault(where, std::strerror(errno));
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  path.copy(out.sun_path, sizeof out.sun_path - 1);
  return out;
}

Fd new_socket() {
  return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Others who may write the directory could put a socket of their own there, and be told what is for the
/// edge.
Result<void> check_directory(const Listener& where, const std::string& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0)
    return unix_fault(where,
                      directory + ": " + std::strerror(errno) + "; make it, for the edge's user to write");
  const bool foreign = info.st_uid != ::geteuid() && info.st_uid != 0;
  const bool shared = (info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (info.st_mode & S_ISVTX) == 0;
  if (foreign || shared)
    return unix_fault(where, directory +
                                 " may be written by others, who could put a socket of theirs there; take "
                                 "a directory of the edge's user, chmod go-w");
  return {};
}

/// Removes the file of a socket that no process has any more.
Result<void> clear(const Listener& where) {
  struct stat info {};
  if (::lstat(where.path().c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return system_fault(where);
  }
  if (!S_ISSOCK(info.st_mode))
    return unix_fault(where, "what is there is no socket; remove it, or name another path");
  const auto probe = new_socket();
  const sockaddr_un address = address_of(where.path());
  const auto* at = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  if (!probe) return system_fault(where);
  const int error = ::connect(probe.get(), at, sizeof address) == 0 ? 0 : errno;
  if (error == EACCES) return system_fault(where);
  if (error != ECONNREFUSED)
    return unix_fault(where, "another process listens there; end it, or name another path");
  if (::unlink(where.path().c_str()) != 0 && errno != ENOENT) return system_fault(where);
  return {};
}

Result<void> listen_at(const Listener& where, const Fd& socket) {
  const sockaddr_un address = address_of(where.path());
  const auto* at = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  // Linux gives the file the mode of the socket, less the umask.
  if (::fchmod(socket.get(), kOwnerOnly) != 0 || ::bind(socket.get(), at, sizeof address) != 0)
    return system_fault(where);
  auto admitted = admit_group(where);
  if (admitted && ::listen(socket.get(), boost::asio::socket_base::max_listen_connections) != 0)
    admitted = system_fault(where);
  if (!admitted) ::unlink(where.path().c_str());
  return admitted;
}

}  // namespace

bool is_in_place(const Listener& where) {
  struct stat info {};
  return !where.is_unix() || (::lstat(where.path().c_str(), &info) == 0 && S_ISSOCK(info.st_mode));
}

Result<void> admit_group(const Listener& where) {
  if (!where.is_unix()) return {};
  struct stat info {};
  if (::lstat(where.path().c_str(), &info) != 0) return system_fault(where);
  if (info.st_uid != ::geteuid()) return {};
  gid_t group = ::getegid();
  if (!where.group().empty()) {
    const struct group* entry = ::getgrnam(where.group().c_str());
    if (entry == nullptr)
      return unix_fault(where, "there is no group '" + where.group() + "' (listen_group)");
    group = entry->gr_gid;
  }
  // The directory is ours: the file is what has just been looked at.
  if (::chown(where.path().c_str(), static_cast<uid_t>(-1), group) != 0)
    return unix_fault(where, "it cannot be given to the group '" + where.group() + "' (listen_group): " +
                                 std::strerror(errno) + "; make the edge's user a member (usermod -aG)");
  if (::chmod(where.path().c_str(), where.group().empty() ? kOwnerOnly : kOwnerAndGroup) != 0)
    return system_fault(where);
  return {};
}

Result<Fd> open_unix_listener(const Listener& where) {
  const std::string directory = std::filesystem::path(where.path()).parent_path().string();
  if (const auto checked = check_directory(where, directory); !checked) return checked.error();
  // Of two that start at once the second finds the first.
  const Fd lock = lock_directory(directory);
  if (const auto cleared = clear(where); !cleared) return cleared.error();
  auto socket = new_socket();
  if (!socket) return system_fault(where);
  if (const auto listens = listen_at(where, socket); !listens) return listens.error();
  return socket;
}

}  // namespace cfpipe::edge
