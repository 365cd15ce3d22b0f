#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "auth/agent/socket.h"
#include "cli/options/options.h"

namespace cfpipe::cli {

/// A listening socket of listener mode, TCP or Unix-domain.
class LocalListener {
 public:
  /// Binds and listens. A Unix-domain socket is 0600 and replaces one without a listener; a host name is
  /// resolved, and its first address taken. Stage::listen and dns.
  static boost::asio::awaitable<Result<std::unique_ptr<LocalListener>>> open(
      boost::asio::any_io_executor executor, ListenAddress address);
  /// Removes the Unix-domain socket if it is still this one.
  ~LocalListener();
  LocalListener(const LocalListener&) = delete;
  LocalListener& operator=(const LocalListener&) = delete;

  /// The next connection, non-blocking; none once close() was called. Waits while there are no descriptors.
  boost::asio::awaitable<Fd> accept();
  void close();

  /// `127.0.0.1:40123` or the path, as it was bound.
  const std::string& shown() const { return shown_; }
  /// False if only this machine can connect.
  bool reachable_from_elsewhere() const { return reachable_; }

 private:
  LocalListener(boost::asio::any_io_executor executor, auth::OwnSocket socket, std::string path,
                std::string shown, bool reachable);
  boost::asio::posix::stream_descriptor ready_;  ///< of socket_, which owns the descriptor
  boost::asio::steady_timer pause_;
  auth::OwnSocket socket_;
  std::string path_;  ///< empty: TCP
  std::string shown_;
  bool reachable_;
  bool closed_ = false;
  bool short_ = false;  ///< the last accept() failed for want of descriptors or memory
};

}  // namespace cfpipe::cli
