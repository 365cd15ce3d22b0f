#include <sys/stat.h>

#include <cstdio>
#include <exception>

#include "base/platform/private_memory.h"
#include "base/platform/standard_descriptors.h"
#include "base/platform/write_signals.h"
#include "base/shortage.h"
#include "connector/command/commands.h"
#include "connector/config/messages.h"
#include "service/logging.h"
#include "transport/tls/openssl_init.h"

namespace {

/// This process holds the connector's key.
void protect_process() {
  cfpipe::fill_standard_descriptors();
  ::umask(077);
  cfpipe::ignore_write_signals();
  cfpipe::keep_memory_private();
}

}  // namespace

int main(int argc, char** argv) try {
  protect_process();
  cfpipe::service::log_to_stderr(cfpipe::service::LogFormat::text);
  cfpipe::transport::start_openssl_lean();
  const int status = cfpipe::connector::run_command_line(argc, argv);
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  cfpipe::connector::complain("standard output cannot be written; check where it leads");
  return status == cfpipe::connector::kOk ? cfpipe::connector::kLost : status;
} catch (...) {
  return cfpipe::connector::complain(
      cfpipe::failure_of_exception(std::current_exception(), cfpipe::Stage::input));
}
