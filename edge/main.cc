#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <exception>

#include "edge/commands.h"
#include "transport/private_memory.h"

namespace {

/// This process holds the keys of certificate authorities.
void protect_process() {
  ::umask(077);
  cfpipe::transport::keep_memory_private();
}

}  // namespace

int main(int argc, char** argv) try {
  protect_process();
  spdlog::set_default_logger(spdlog::stderr_logger_mt("edge"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  return cfpipe::edge::run_command_line(argc, argv);
} catch (const std::exception& error) {
  cfpipe::edge::complain(error.what());
  return cfpipe::edge::kUnavailable;
}
