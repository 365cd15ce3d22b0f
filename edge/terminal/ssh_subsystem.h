#pragma once

#include <libssh/libssh.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace cfpipe::edge::terminal {

/// Frees what libssh made.
struct SshFree {
  void operator()(ssh_session session) const { ssh_free(session); }
  void operator()(ssh_key key) const { ssh_key_free(key); }
  void operator()(ssh_channel channel) const { ssh_channel_free(channel); }
};
using SshSession = std::unique_ptr<ssh_session_struct, SshFree>;
using SshKeyPtr = std::unique_ptr<ssh_key_struct, SshFree>;
using SshChannel = std::unique_ptr<ssh_channel_struct, SshFree>;

/// How a step of the way to the shell stands.
enum class Step { done, again, refused, partly, info_request, failed };

/// Bytes of one channel that libssh may hold because they have not been read. It takes what the server sends
/// even beyond the window that it has given (2 MiB at most).
inline constexpr std::size_t kMaxUnread = 4 * 1024 * 1024;

/// What the channels of a connection have received while libssh was called for something else.
struct Arrivals {
  bool any = false;       ///< since it was last looked at
  bool overfull = false;  ///< a server holds kMaxUnread in one channel: it keeps to no window

  /// Notes that so many bytes are there to be read.
  void note(std::size_t unread) {
    any = true;
    overfull = overfull || unread > kMaxUnread;
  }
};

/// A further channel of a connection, on which the server runs a subsystem (RFC 4254 6.5). Never waits; used
/// from one loop.
class SshSubsystem {
 public:
  /// Both outlive it; `name` as long as open() is called.
  SshSubsystem(ssh_session session, Arrivals& arrivals, const char* name);
  ~SshSubsystem();
  SshSubsystem(const SshSubsystem&) = delete;
  SshSubsystem& operator=(const SshSubsystem&) = delete;

  /// failed: the server opens no such channel; refused: it does, and has no such subsystem.
  Step open();
  /// done: `got` bytes, which may be none for now; failed: the end.
  Step read(std::span<char> into, std::size_t& got);
  /// How much of it the server takes now.
  std::size_t write(std::string_view from);
  /// Closes the channel, whatever has become of open(); done once the server has closed it as well. Until
  /// then it is called again, and discards what the server sends.
  Step close();
  /// Bytes that libssh holds because they have not been read.
  std::size_t unread() const;

 private:
  struct Heard;
  const ssh_session session_;
  const char* const name_;
  std::unique_ptr<Heard> heard_;
  SshChannel channel_;
  enum class Stage { channel, subsystem, settled, refused, failed } stage_ = Stage::channel;
  bool close_sent_ = false;
};

}  // namespace cfpipe::edge::terminal
