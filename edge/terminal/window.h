#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "edge/terminal/event.h"
#include "edge/terminal/frames.h"
#include "tunnel/held_bytes.h"

namespace cfpipe::edge::terminal {

/// Output that waits for the page beyond which no more is put there, in bytes: the rest of it stays in
/// Output.
inline constexpr std::size_t kMaxWaiting = 64 * 1024;

/// A page that shows a session, at the other end of a socket of ours: frames both ways, non-blocking. Used
/// from one loop.
class Window {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;
  explicit Window(Socket socket);
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  /// The next frame of the page, or nothing for now, or because it is gone().
  std::optional<Frame> next();
  /// The page has gone, or has said what cannot be understood.
  bool gone() const { return gone_; }
  /// Takes it; it leaves with flush().
  void send(FrameType type, std::string_view payload);
  void flush();
  std::size_t waiting() const { return out_.size() - sent_; }
  /// Rings when the page has said something more, or takes more of what waits.
  void arm(const std::shared_ptr<Event>& event);

 private:
  void receive();

  Socket socket_;
  FrameReader reader_;
  std::string out_;
  tunnel::HeldBytes held_;  // its capacity
  std::size_t sent_ = 0;    // of out_
  bool gone_ = false;
  bool ended_ = false;  // nothing more will come; what came first is still read
  SocketEvent armed_;
};

}  // namespace cfpipe::edge::terminal
