#pragma once

#include <libwebsockets.h>
#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "faults.h"

namespace edge_mock {

/// A file descriptor with its loop watcher; closes both.
class OriginSocket {
 public:
  using Ready = void (*)(void* owner, bool readable, bool writable);

  /// Connects to an origin on this machine; throws away what does not answer within kConnectMilliseconds.
  static constexpr int kConnectMilliseconds = 2'000;
  static int connect_to(const std::string& host, const std::string& port);  ///< -1 if it cannot

  OriginSocket(uv_loop_t* loop, int fd, void* owner, Ready ready);
  ~OriginSocket();
  OriginSocket(const OriginSocket&) = delete;
  OriginSocket& operator=(const OriginSocket&) = delete;

  int fd() const { return fd_; }
  void wait(bool readable, bool writable);

 private:
  struct Watch {
    uv_poll_t handle{};
    void* owner = nullptr;
    Ready ready = nullptr;
    int events = 0;
  };
  static void polled(uv_poll_t* handle, int status, int events);

  int fd_;
  Watch* watch_;  ///< freed by the loop once it has let go of it
};

/// One WebSocket and one origin connection, and the bytes between them.
///
/// Down: the origin is only read when lws says that the client's pipe is writable, one frame for one read.
/// Up: what the origin does not take at once is kept in `pending_`, and lws stops reading until that has
/// gone. So neither direction holds more than a few buffers, however long a side stalls.
class Tunnel {
 public:
  static constexpr std::size_t kFrameBytes =
      64 * 1024;  ///< largest read from the origin, and frame to the client

  /// Of a message of the client, in bytes: as much as Cloudflare's origin side has room for. The rest is
  /// lost.
  static constexpr std::size_t kKeptOfMessage = 16 * 1024;

  Tunnel(lws* wsi, uv_loop_t* loop, int origin_fd, const Faults& faults);

  /// lws callbacks. A result below zero ends the connection.
  int on_receive(const char* data, std::size_t size);
  int on_writeable();
  void on_client_close(int code);
  void on_pong() { ++pongs_; }

  std::uint64_t up() const { return up_; }
  std::uint64_t down() const { return down_; }
  std::uint64_t pongs() const { return pongs_; }
  int client_close() const { return client_close_; }  ///< its code, 0 if none came
  const char* ending() const { return ending_; }

 private:
  /// What the faults make of this tunnel, read once.
  struct Plan {
    explicit Plan(const Faults& faults);
    std::size_t frame_bytes = kFrameBytes;
    std::uint64_t limit = UINT64_MAX;  ///< bytes to the client, then `at_limit`
    enum class AtLimit { reset, tls_close, tcp_close, silence } at_limit = AtLimit::silence;
    int close_code = 0;  ///< sent after the first bytes of the origin
    int pings_per_frame = 0;
    bool text = false;
    bool fragments = false;
    bool close_frames = false;
    std::string hostile_bytes;  ///< written under lws' feet after the first bytes of the origin
  };

  static void origin_ready(void* self, bool readable, bool writable);
  int relay_down();
  int write_frame(std::size_t size);
  int after_frame();
  int write_ping();
  int reach_limit();
  void watch_idleness(std::int64_t seconds);
  void reset_once_delivered();
  int leave(const char* ending, int code);
  void end_tls();
  void end_tls_when_flushed();
  int close_politely(int code, const char* ending);
  void close_when_flushed();
  void flush_pending();
  void end_origin();
  void watch_origin() { origin_.wait(reading_, !pending_.empty()); }

  lws* wsi_;
  uv_loop_t* loop_;
  Plan plan_;
  OriginSocket origin_;
  std::vector<unsigned char> frame_;
  std::string pending_;
  std::size_t room_in_message_ = 0;
  bool reading_ = true;  ///< the origin had nothing to read the last time
  bool ended_ = false;   ///< nothing more is written to the client
  bool read_stalled_ = false;
  int pings_due_;
  int fragment_ = 0;
  std::uint64_t up_ = 0;
  std::uint64_t down_ = 0;
  std::uint64_t pongs_ = 0;
  int client_close_ = 0;
  const char* ending_ = "client-gone";
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< timers hold a weak pointer to it
};

}  // namespace edge_mock
