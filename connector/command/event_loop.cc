#include "connector/command/event_loop.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

namespace cfpipe::connector {
namespace net = boost::asio;

int run_to_end(const std::function<net::awaitable<int>()>& command) {
  net::io_context io(1);
  int status = 0;
  std::exception_ptr thrown;
  auto running = command();
  net::co_spawn(io, std::move(running), [&](const std::exception_ptr& error, int result) {
    thrown = error;
    status = result;
    io.stop();
  });
  io.run();
  if (thrown) std::rethrow_exception(thrown);
  return status;
}

}  // namespace cfpipe::connector
