#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/platform/own_file.h"
#include "edge/config/listen_address.h"

namespace cfpipe::edge {

/// Sockets that a process may be started with: each of the two listeners, from a socket unit and kept from
/// the process before.
inline constexpr std::size_t kMaxGivenSockets = 4;
/// Their names in LISTEN_FDNAMES, which are the configuration's keys.
inline constexpr std::string_view kListenName = "listen";
inline constexpr std::string_view kAdminListenName = "admin_listen";
/// In front of the name of a socket that this program itself has opened, and has had kept for a restart.
inline constexpr std::string_view kKeptPrefix = "kept-";

/// Accepts at either kind of listener.
using StreamAcceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

/// Where a socket listens; nothing: it cannot be asked.
std::optional<Listener> listener_of(int fd);
/// A non-blocking socket that listens there; `key` is the configuration's, for the message. Stage::config.
Result<Fd> open_listener(const Listener& where, std::string_view key);
/// Gives the acceptor that socket, or a new one if `given` is none. Stage::config.
Result<void> use_listener(StreamAcceptor& acceptor, const Listener& where, std::string_view key, Fd given);
/// The same for a listener that has an address and a port.
Result<void> use_listener(boost::asio::ip::tcp::acceptor& acceptor, const Listener& where,
                          std::string_view key, Fd given);

/// The listening sockets that this process was started with, as sd_listen_fds_with_names(3) has them: from
/// descriptor 3 on, LISTEN_FDS many, LISTEN_FDNAMES. Without names that are known here the first is `listen`
/// and the second `admin_listen`.
class GivenSockets {
 public:
  GivenSockets() = default;
  /// Takes them over; they and the variables are not for programs that this one starts. None where
  /// LISTEN_PID is another process. What is no stream socket that listens is a fault (Stage::config).
  static Result<GivenSockets> of_environment();

  /// The socket for that key; none: there is none. It has to listen where the configuration says; one that
  /// was kept is closed if it does not. Stage::config.
  Result<Fd> take(std::string_view key, const Listener& wanted);
  /// A socket is left that nothing is going to accept from, so its clients would wait forever. Stage::config.
  Result<void> all_taken() const;

 private:
  std::map<std::string, Fd, std::less<>> sockets_;
};

}  // namespace cfpipe::edge
