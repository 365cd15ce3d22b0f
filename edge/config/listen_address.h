#pragma once

#include <sys/un.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cfpipe::edge {

/// Where connections are accepted: at an address and a port (0: any free one), or at a Unix-domain socket.
class Listener {
 public:
  Listener() = default;
  Listener(const boost::asio::ip::address& address, std::uint16_t port) : tcp_(address, port) {}
  explicit Listener(const boost::asio::ip::tcp::endpoint& tcp) : tcp_(tcp) {}
  /// `group`: whose programs may connect besides those of the edge's user and root's; empty: none.
  static Listener at_path(std::string path, std::string group = {});

  bool is_unix() const { return !path_.empty(); }
  /// Of a Unix-domain socket; empty: it has an address and a port.
  const std::string& path() const { return path_; }
  const std::string& group() const { return group_; }
  /// Of the others; unspecified, and 0, for a Unix-domain socket.
  const boost::asio::ip::tcp::endpoint& tcp() const { return tcp_; }
  boost::asio::ip::address address() const { return tcp_.address(); }
  std::uint16_t port() const { return tcp_.port(); }

  /// `127.0.0.1:443`, `[::1]:443`, `unix:/run/edge.sock`.
  std::string text() const;
  /// Programs of this machine alone reach it.
  bool is_local() const { return is_unix() || address().is_loopback(); }
  bool operator==(const Listener&) const = default;

 private:
  boost::asio::ip::tcp::endpoint tcp_;
  std::string path_;
  std::string group_;
};

/// `address:port`, `[v6]:port`; without a port the usual one, if there is one. Port 0: any free one.
std::optional<Listener> parse_listener(std::string_view text, std::optional<std::uint16_t> usual);

/// Longest path of a Unix-domain socket, in bytes.
inline constexpr std::size_t kMaxSocketPathBytes = sizeof(sockaddr_un::sun_path) - 1;
/// What a configuration has in front of the path of a Unix-domain socket.
inline constexpr std::string_view kUnixScheme = "unix:";

/// The path behind kUnixScheme: absolute, printable, and no longer than the system takes. Nothing: it is
/// none.
std::optional<std::string> parse_socket_path(std::string_view text);

}  // namespace cfpipe::edge
