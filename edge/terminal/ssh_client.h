#pragma once

#include <libssh/libssh.h>

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "edge/terminal/event.h"
#include "edge/terminal/messages.h"
#include "edge/terminal/ssh_subsystem.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge::terminal {

/// The words of libssh for algorithms that do not meet: "no match for method WHAT: server [A,B], client [C]".
inline constexpr std::string_view kNoMatch = "no match for method ";

/// A login by SSH at an origin, as libssh speaks it, without ever waiting: a step that says `again` is taken
/// again when arm() has rung. Used from one loop.
class SshClient {
 public:
  /// `host_keys`: names of the algorithms to ask the server for (RFC 4253 7.1), with commas; empty: what
  /// libssh prefers.
  SshClient(OriginSocket socket, const std::string& user, const std::string& host_keys);
  ~SshClient();
  SshClient(const SshClient&) = delete;
  SshClient& operator=(const SshClient&) = delete;

  Step connect();
  /// Of the server, after connect(): `type base64`.
  std::string host_key() const;

  /// Asks what the server would take, after which methods() says so; done: it takes anybody.
  Step log_in_without();
  /// With a private key in PEM and, if it is not empty, the certificate that belongs to it. refused, too,
  /// where the key cannot be read: see key_fault().
  Step log_in_with_key(const Secret& pem, const Secret& passphrase, std::string_view certificate);
  Step log_in_with_password(const Secret& password);
  /// Keyboard-interactive (RFC 4256): `info_request` has to be answered before the next step.
  Step log_in_with_answers(InfoRequest& info_request, const std::vector<Secret>* answers);
  /// In the words of SSH: password, publickey, keyboard-interactive.
  std::vector<std::string> methods() const;
  const std::string& key_fault() const { return key_fault_; }

  /// A terminal of that size and a shell in it.
  Step open_shell(Size size);
  void resize(Size size);
  /// What the terminal puts out. done: `got` bytes, which may be none for now; failed: the end, of whatever
  /// kind.
  Step read(std::span<char> into, std::size_t& got);
  /// Puts out what is left of earlier writes; may take in what the server says, so read() comes behind it.
  /// `reading`: does so in any case, for every channel; else what comes for one that is not read would stay
  /// with the system, and ring for ever.
  void flush(bool reading = false);
  /// How much of it the server takes now.
  std::size_t write(std::string_view from);
  /// Once read() has failed: the shell has ended in peace, or by a signal; nothing, if the connection broke
  /// off. `again` while the server has not said yet.
  Step outcome(std::optional<int>& status, std::string& signal);

  /// A further channel, once there is a shell; it goes before this does. `name` as of SshSubsystem.
  std::unique_ptr<SshSubsystem> subsystem(const char* name);
  /// True if a channel has received something since the last call: it may be another than the one that was
  /// looked at, and nothing rings for it.
  bool arrived();
  /// The server has said that the shell has ended, though not all of its output may have been read.
  bool exited() const;
  /// The server keeps to no window: the connection has to end.
  bool overfull() const { return arrivals_.overfull; }

  /// Rings when the server has said more (if `reading`), or takes more.
  void arm(const std::shared_ptr<Event>& event, bool reading);
  /// What libssh says went wrong, printable.
  std::string error() const;

 private:
  struct Exit;
  Step step_of(int result);
  bool pending() const;
  bool load_key(const Secret& pem, const Secret& passphrase, std::string_view certificate);

  OriginSocket socket_;  // waits; libssh has a descriptor of its own for it
  SshSession session_;
  SshKeyPtr key_;  // what is being logged in with
  std::string key_fault_;
  SshChannel channel_;
  enum class Shell { none, channel, terminal, environment, shell, open } shell_ = Shell::none;
  std::size_t environment_ = 0;  // variables that were asked for
  Arrivals arrivals_;
  std::unique_ptr<Exit> exit_;
  SocketEvent armed_;
  std::string no_match_;  // what libssh has said of algorithms that do not meet
  bool usable_ = false;   // the system gave a descriptor
};

}  // namespace cfpipe::edge::terminal
