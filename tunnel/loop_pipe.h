#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>
#include <utility>

#include "tunnel/stream.h"

namespace cfpipe::tunnel {

/// Bytes that each direction holds at most and the reader has not taken yet; as many again may be with the
/// reader.
inline constexpr std::size_t kLoopPipeBytes = 256 * 1024;

/// Both ends of a connection inside the process, each for a loop of its own, which run on different threads.
/// Directions end one by one; an end that is closed before it has finished, or breaks off, cuts what the
/// other reads. Each end may be destroyed at any time, with its loop or before it: the other then touches
/// neither any more. Nothing is held while nothing is under way.
std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_loop_pipe(
    boost::asio::any_io_executor first, boost::asio::any_io_executor second);

}  // namespace cfpipe::tunnel
