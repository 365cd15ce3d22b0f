#include "edge/terminal/window.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace cfpipe::edge::terminal {
namespace net = boost::asio;
namespace {

/// What is read at once, in bytes.
constexpr std::size_t kReadBytes = 16 * 1024;

}  // namespace

Window::Window(Socket socket) : socket_(std::move(socket)) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
}

Window::~Window() = default;

void Window::receive() {
  std::array<char, kReadBytes> room;
  const auto got = ::recv(socket_.native_handle(), room.data(), room.size(), 0);
  if (got > 0) return reader_.feed({room.data(), static_cast<std::size_t>(got)});
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  ended_ = true;
}

std::optional<Frame> Window::next() {
  if (gone_) return std::nullopt;
  auto frame = reader_.next();
  for (std::size_t before = reader_.held(); !frame && !ended_ && !reader_.broken(); before = reader_.held()) {
    receive();
    if (reader_.held() == before) break;
    frame = reader_.next();
  }
  if (!frame && (ended_ || reader_.broken())) gone_ = true;
  return frame;
}

void Window::send(FrameType type, std::string_view payload) {
  if (sent_ > 0) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  out_ += encode(type, payload);
  held_.set(out_.capacity());
}

void Window::flush() {
  while (!gone_ && sent_ < out_.size()) {
    const auto put = ::send(socket_.native_handle(), out_.data() + sent_, out_.size() - sent_,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0) {
      sent_ += static_cast<std::size_t>(put);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      gone_ = true;
    }
  }
}

void Window::arm(const std::shared_ptr<Event>& event) {
  if (!gone_) armed_.arm(socket_, event, true, waiting() > 0);
}

}  // namespace cfpipe::edge::terminal
