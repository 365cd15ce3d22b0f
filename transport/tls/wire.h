#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "transport/tls/buffers.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// The socket below TLS: moves ciphertext between it and TlsBuffers, many records with one system call.
class TlsWire {
 public:
  using IoStatus = tunnel::IoStatus;
  using WaitFor = boost::asio::ip::tcp::socket::wait_type;
  /// Takes over the socket (made non-blocking).
  TlsWire(boost::asio::ip::tcp::socket socket, TlsBuffers& buffers);
  ~TlsWire() { close(); }
  TlsWire(const TlsWire&) = delete;
  TlsWire& operator=(const TlsWire&) = delete;

  /// One system call's worth of ciphertext, or the peer's EOF. False: nothing came, `status` says why.
  bool receive(IoStatus& status);
  /// Sends what the buffers hold. ok: nothing is left.
  IoStatus flush();
  /// The same if OpenSSL has written something by itself: a peer waits for it.
  void flush_unasked();
  /// The connection is of no use any more.
  void fail() { failed_ = true; }
  bool failed() const { return failed_; }
  bool open() const { return socket_.is_open(); }
  void close();
  /// Both directions; readers get EOF.
  void shut_down();

  /// One-shot; dropped by close().
  void on(WaitFor what, std::function<void()> callback);
  /// The same from the loop, whatever the socket's state.
  void soon(std::function<void()> callback);
  boost::asio::awaitable<bool> wait(WaitFor what, std::chrono::steady_clock::time_point deadline);
  /// Expires with close().
  std::weak_ptr<int> alive() const { return alive_; }
  boost::asio::ip::tcp::socket& socket() { return socket_; }
  /// native_handle() is not const in Asio, though it changes nothing.
  int handle() const { return const_cast<boost::asio::ip::tcp::socket&>(socket_).native_handle(); }

 private:
  boost::asio::ip::tcp::socket socket_;
  TlsBuffers& buffers_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  bool failed_ = false;
};

}  // namespace cfpipe::transport
