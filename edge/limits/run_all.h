#pragma once

#include <boost/asio/io_context.hpp>
#include <exception>

namespace cfpipe::edge {

/// Says in the log that `what` ended by an exception: a defect of ours, or no memory.
void log_exception(const char* what, const std::exception_ptr& error) noexcept;

/// Runs the loop to its end. A handler that throws, for want of memory for example, costs what it was for and
/// nothing else.
void run_all(boost::asio::io_context& io);

}  // namespace cfpipe::edge
