#include <sys/stat.h>

#include <cstdio>
#include <exception>

#include "base/platform/private_memory.h"
#include "base/platform/standard_descriptors.h"
#include "base/platform/write_signals.h"
#include "base/shortage.h"
#include "edge/command/commands.h"
#include "edge/process/invoker.h"
#include "service/logging.h"

namespace {

/// This process holds the keys of certificate authorities.
void protect_process() {
  cfpipe::fill_standard_descriptors();
  ::umask(077);
  cfpipe::ignore_write_signals();
  cfpipe::keep_memory_private();
}

}  // namespace

int main(int argc, char** argv) try {
  protect_process();
  cfpipe::edge::invoking_user();  // while this process is still theirs
  cfpipe::service::log_to_stderr(cfpipe::service::LogFormat::text);
  const int status = cfpipe::edge::run_command_line(argc, argv);
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  cfpipe::edge::complain("standard output cannot be written; check where it leads");
  return status == cfpipe::edge::kOk ? cfpipe::edge::kUnavailable : status;
} catch (...) {
  const auto failure = cfpipe::failure_of_exception(std::current_exception(), cfpipe::Stage::input);
  return cfpipe::edge::complain_of_exception(failure);
}
