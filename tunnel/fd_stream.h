#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "tunnel/stream.h"

namespace cfpipe::tunnel {

/// What one fill() of a descriptor reads at most, in bytes: four TLS records, be it with the headers of one
/// message (14) in one HTTP/2 frame (9), or as four messages with a header of 8 each.
inline constexpr std::size_t kReadBytes = 4 * (16 * 1024 - 8);

/// A stream over standard input and output (or any two descriptors; the same one twice for a socket). Sets
/// them non-blocking and puts the flags back on close(), since the descriptors may be shared with other
/// processes. Regular files, which epoll refuses, are read and written as always ready. Owns neither
/// descriptor unless `owned`.
std::unique_ptr<Stream> make_fd_stream(boost::asio::any_io_executor executor, int in, int out, bool owned);

}  // namespace cfpipe::tunnel
