#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "edge/listener/terminal_backend.h"
#include "edge/terminal/event.h"
#include "edge/terminal/frames.h"
#include "edge/terminal/ssh_client.h"
#include "edge/terminal/window.h"
#include "tunnel/held_bytes.h"
#include "tunnel/relay.h"

namespace cfpipe::edge::terminal {

/// Bytes of files under way in each direction: to the page beyond what it has confirmed, from it beyond what
/// the server has taken. What is typed, and its echo, wait behind no more than that.
inline constexpr std::size_t kFilesWindowBytes = 256 * 1024;
/// Bytes for the server that may wait; a page that sends more has not kept to its window.
inline constexpr std::size_t kMaxFilesInput = 2 * kFilesWindowBytes;
/// Channels for files that one session may open, one after the other.
inline constexpr int kMaxFilesChannels = 100;
/// How long the server may take to open one.
inline constexpr std::chrono::seconds kFilesTimeout{20};

/// The channel for files of a session: a second one of its SSH connection, with the server's SFTP subsystem.
/// The page speaks SFTP with the server; its bytes pass here in both directions. It belongs to one page, and
/// ends with it. Used from one loop.
class Files {
 public:
  using Report = std::function<void(const FilesUse&)>;
  /// `host`: for messages. `report`: called when a channel that was open has ended.
  Files(bool allowed, std::string host, std::shared_ptr<tunnel::Counters> counters, Report report,
        std::chrono::seconds timeout = kFilesTimeout);
  ~Files();
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  /// A frame of the page. `ssh`: the connection; null while there is no shell. False: the frame is not about
  /// files, or makes no sense.
  bool take(const Frame& frame, SshClient* ssh, Window& page);
  /// Brings the channel further, and to the page what the server has sent. True if bytes have moved.
  bool put_out(Window* page);
  /// To the server what the page has sent. True if bytes have moved.
  bool put_in(Window* page);
  /// The page has gone.
  void leave();
  /// The session ends, and with it the connection.
  void end();
  /// What the server says next is wanted.
  bool reads() const;
  /// When put_out() has to be called at the latest.
  Event::Clock::time_point deadline() const;

 private:
  enum class State { none, opening, open, closing };
  bool open(SshClient* ssh, Window& page);
  void close(Window* page, std::string_view event);
  void begin();
  void open_further(Window* page);
  void close_further(Window* page);
  void finish();
  bool relay(Window& page);
  void count();
  std::string timeout() const;
  std::size_t room() const { return kFilesWindowBytes - static_cast<std::size_t>(sent_ - confirmed_); }
  std::size_t waiting() const { return in_.size() - begin_; }

  const bool allowed_;
  const std::string host_;
  const std::shared_ptr<tunnel::Counters> counters_;
  const Report report_;
  const std::chrono::seconds timeout_;
  State state_ = State::none;
  int opened_ = 0;
  bool again_ = false;  // another is wanted once the one before is closed
  SshClient* connection_ = nullptr;
  std::unique_ptr<SshSubsystem> ssh_;
  Event::Clock::time_point since_;
  std::string in_;               // for the server
  std::size_t begin_ = 0;        // what is in front of it has been taken
  tunnel::HeldBytes held_;       // capacity of in_, and what libssh holds
  std::uint64_t sent_ = 0;       // to the page, since the channel was opened
  std::uint64_t confirmed_ = 0;  // of that, by the page
  std::uint64_t taken_ = 0;      // by the server
  std::uint64_t told_ = 0;       // of that, to the page
};

}  // namespace cfpipe::edge::terminal
