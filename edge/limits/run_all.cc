#include "edge/limits/run_all.h"

#include "base/log.h"

namespace cfpipe::edge {

void log_exception(const char* what, const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    spdlog::error("{} ended by an unexpected error: {}", what, e.what());
  } catch (...) {
    spdlog::error("{} ended by an unexpected error", what);
  }
}

void run_all(boost::asio::io_context& io) {
  for (;;) {
    try {
      io.run();
      return;
    } catch (...) {
      log_exception("a task", std::current_exception());
    }
  }
}

}  // namespace cfpipe::edge
