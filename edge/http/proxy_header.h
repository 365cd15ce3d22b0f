#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cfpipe::edge {

/// The PROXY protocol (HAProxy's proxy-protocol.txt), written to origins and read from proxies.

/// Longest header that is read, in bytes: a line of version 1 (2.1 names this bound), and a header of version
/// 2 with all that follows its addresses, the client's certificate among it.
inline constexpr std::size_t kMaxProxyLineBytes = 107;
inline constexpr std::size_t kMaxProxyHeaderBytes = 4096;

/// The two ends of a client's connection, as the edge sees them, or as a proxy in front of it does. One that
/// is not known is the unspecified address with port 0.
struct ConnectionEnds {
  boost::asio::ip::tcp::endpoint client;
  boost::asio::ip::tcp::endpoint edge;
  bool operator==(const ConnectionEnds&) const = default;
};

/// The binary header (2.2), which tells an origin whom it is talking to: 28 bytes for IPv4, 52 for IPv6, 16
/// where an end is not known. An IPv4 address that a dual-stack listener shows as ::ffff:a.b.c.d is written
/// as IPv4; where only one end is IPv4, it is written in that form.
std::string proxy_header(const ConnectionEnds& ends);

/// Reads a header of either version from the front of a connection, in whatever pieces it comes. Pure: bytes
/// in, ends out.
class ProxyHeaderReader {
 public:
  /// Takes what belongs to the header from the front of `from` and returns how many bytes that is; never one
  /// behind the header. 0 once it is over().
  std::size_t take(std::string_view from);

  bool over() const { return done_ || fault_ != nullptr; }
  /// Null unless the bytes are no header; for the proxy's administrator.
  const char* fault() const { return fault_; }
  bool begun() const { return !text_.empty(); }
  /// Once it is over() without a fault. Nothing: the header names no client on TCP (LOCAL, UNKNOWN, UNSPEC, a
  /// socket of another kind), and the connection's own ends hold.
  const std::optional<ConnectionEnds>& ends() const { return ends_; }

 private:
  std::size_t wanted() const;
  void look();
  void look_at_line();
  void look_at_binary();

  std::string text_;
  bool done_ = false;
  const char* fault_ = nullptr;
  std::optional<ConnectionEnds> ends_;
};

}  // namespace cfpipe::edge
