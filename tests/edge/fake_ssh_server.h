#pragma once

#include <gtest/gtest.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cfpipe::edge {

/// An SSH server for one connection, by libssh, on a thread of its own. It lets in a user by a password.
class FakeSshServer {
 public:
  struct Options {
    std::string password = "right";
    int methods = SSH_AUTH_METHOD_PASSWORD;
    std::string key_exchanges;  ///< empty: those of libssh
    bool shells = true;
    int channels = 16;         ///< that it opens
    bool answers = true;       ///< when more than one channel is asked for; else nothing, until join()
    bool subsystems = true;    ///< `echo` and any other name: says back what it is told
    bool reads = true;         ///< what a subsystem is told
    std::size_t greeting = 0;  ///< bytes that a subsystem says first, once it is told something
  };
  /// What the client has done; to be read after join().
  struct Seen {
    std::vector<std::string> tried;  ///< passwords
    int keys = 0;                    ///< logins by a key
    int columns = 0;
    int rows = 0;
    bool shell = false;
  };

  explicit FakeSshServer(Options options) : options_(std::move(options)) {
    EXPECT_EQ(ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key_), SSH_OK);
    char* text = nullptr;
    EXPECT_EQ(ssh_pki_export_pubkey_base64(key_, &text), SSH_OK);
    key_line_ = std::string("ssh-ed25519 ") + text;
    ssh_string_free_char(text);
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    client_ = pair[0];
    thread_ = std::thread([this, fd = pair[1]] { serve(fd); });
  }
  FakeSshServer(const FakeSshServer&) = delete;
  FakeSshServer& operator=(const FakeSshServer&) = delete;
  ~FakeSshServer() { join(); }

  /// The client's end of the connection; called once.
  int take_client() { return std::exchange(client_, -1); }
  /// `type base64`.
  const std::string& key_line() const { return key_line_; }
  /// Until the client has closed the connection.
  const Seen& join() {
    if (!joined_.try_wait()) joined_.count_down();
    if (client_ >= 0) ::close(take_client());
    if (thread_.joinable()) thread_.join();
    return seen_;
  }

 private:
  /// What is left to read is read in fewer.
  static constexpr int kTurnsAfterTheEnd = 10;

  static FakeSshServer& of(void* server) { return *static_cast<FakeSshServer*>(server); }

  void serve(int fd) {
    ssh_bind bind = ssh_bind_new();
    const bool no = false;
    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, key_);  // and frees it
    if (!options_.key_exchanges.empty())
      ssh_bind_options_set(bind, SSH_BIND_OPTIONS_KEY_EXCHANGE, options_.key_exchanges.c_str());
    ssh_session session = ssh_new();
    if (ssh_bind_accept_fd(bind, session, fd) == SSH_OK) {
      ssh_server_callbacks_struct callbacks = server_callbacks();
      ssh_callbacks_init(&callbacks);
      ssh_set_server_callbacks(session, &callbacks);
      ssh_set_auth_methods(session, options_.methods);
      if (exchange_keys(session, fd)) serve(session, fd);
      ssh_disconnect(session);
    }
    ssh_free(session);
    ssh_bind_free(bind);
  }

  // libssh 0.11 waits for ever once the client has closed the connection half-way: it is looked at here.

  static bool exchange_keys(ssh_session session, int fd) {
    ssh_set_blocking(session, 0);
    int done = ssh_handle_key_exchange(session);
    for (int turn = 0; done == SSH_AGAIN && turn < kTurnsAfterTheEnd; turn = has_ended(fd, -1) ? turn + 1 : 0)
      done = ssh_handle_key_exchange(session);
    ssh_set_blocking(session, 1);
    return done == SSH_OK;
  }

  void serve(ssh_session session, int fd) {
    ssh_event event = ssh_event_new();
    ssh_event_add_session(event, session);
    for (int turn = 0; turn < kTurnsAfterTheEnd; turn = has_ended(fd, 0) ? turn + 1 : 0) {
      serve_subsystem();
      if ((ssh_get_status(session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0) break;
      if (ssh_event_dopoll(event, -1) == SSH_ERROR) break;
    }
    ssh_event_remove_session(event, session);
    ssh_event_free(event);
  }

  /// Whether the client has closed the connection, of which there may be something left to read. Waits for
  /// either so long.
  static bool has_ended(int fd, int milliseconds) {
    pollfd readable{fd, POLLIN | POLLRDHUP, 0};
    ::poll(&readable, 1, milliseconds);
    return (readable.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0;
  }

  ssh_server_callbacks_struct server_callbacks() {
    ssh_server_callbacks_struct out{};
    out.userdata = this;
    out.auth_none_function = [](ssh_session, const char*, void*) -> int { return SSH_AUTH_DENIED; };
    out.auth_password_function = [](ssh_session, const char*, const char* password, void* server) -> int {
      of(server).seen_.tried.emplace_back(password);
      return of(server).options_.password == password ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED;
    };
    out.auth_pubkey_function = [](ssh_session, const char*, ssh_key, char, void* server) -> int {
      ++of(server).seen_.keys;
      return SSH_AUTH_DENIED;
    };
    out.channel_open_request_session_function = [](ssh_session session, void* server) -> ssh_channel {
      if (++of(server).channels_ > of(server).options_.channels) return nullptr;
      if (of(server).channels_ > 1 && !of(server).options_.answers) of(server).joined_.wait();
      ssh_channel channel = ssh_channel_new(session);
      ssh_set_channel_callbacks(channel, of(server).channel_callbacks());
      return channel;  // the session frees it
    };
    return out;
  }

  ssh_channel_callbacks channel_callbacks() {
    channel_callbacks_.userdata = this;
    channel_callbacks_.channel_pty_request_function = [](ssh_session, ssh_channel, const char*, int columns,
                                                         int rows, int, int, void* server) -> int {
      of(server).seen_.columns = columns;
      of(server).seen_.rows = rows;
      return 0;
    };
    channel_callbacks_.channel_shell_request_function = [](ssh_session, ssh_channel, void* server) -> int {
      of(server).seen_.shell = of(server).options_.shells;
      return of(server).options_.shells ? 0 : 1;
    };
    channel_callbacks_.channel_subsystem_request_function = [](ssh_session, ssh_channel channel, const char*,
                                                               void* server) -> int {
      of(server).subsystem_ = channel;
      return of(server).options_.subsystems ? 0 : 1;
    };
    channel_callbacks_.channel_data_function = [](ssh_session, ssh_channel channel, void* data,
                                                  std::uint32_t size, int, void* server) -> int {
      if (channel != of(server).subsystem_) return static_cast<int>(size);
      if (!of(server).options_.reads) return 0;
      of(server).told_.append(std::exchange(of(server).greeting_left_, 0), 'g');
      of(server).told_.append(static_cast<const char*>(data), size);
      return static_cast<int>(size);
    };
    channel_callbacks_.channel_close_function = [](ssh_session, ssh_channel channel, void* server) {
      if (channel == of(server).subsystem_) of(server).closed_ = true;
    };
    ssh_callbacks_init(&channel_callbacks_);
    return &channel_callbacks_;
  }

  /// What a subsystem has to do that libssh does not do inside its own calls.
  void serve_subsystem() {
    const auto fits =
        subsystem_ == nullptr ? 0 : std::min<std::size_t>(told_.size(), ssh_channel_window_size(subsystem_));
    if (fits > 0 && ssh_channel_write(subsystem_, told_.data(), static_cast<std::uint32_t>(fits)) > 0)
      told_.erase(0, fits);
    if (!std::exchange(closed_, false)) return;
    ssh_channel_close(subsystem_);
    ssh_channel_free(std::exchange(subsystem_, nullptr));
    told_.clear();
  }

  const Options options_;
  std::size_t greeting_left_ = options_.greeting;
  std::latch joined_{1};
  int channels_ = 0;
  ssh_channel subsystem_ = nullptr;
  std::string told_;  // what it still has to say back
  bool closed_ = false;
  ssh_key key_ = nullptr;
  std::string key_line_;
  int client_ = -1;
  ssh_channel_callbacks_struct channel_callbacks_{};
  Seen seen_;
  std::thread thread_;
};

}  // namespace cfpipe::edge
