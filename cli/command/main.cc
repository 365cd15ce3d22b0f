#ifdef CFPIPE_STATIC_CLIENT
#include <nss.h>
#endif
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "base/platform/private_memory.h"
#include "base/platform/standard_descriptors.h"
#include "base/platform/write_signals.h"
#include "base/shortage.h"
#include "cli/command/commands.h"
#include "cli/command/installed_block.h"
#include "cli/console/logging.h"
#include "cli/console/messages.h"
#include "cli/console/stdout.h"
#include "cli/options/options.h"
#include "cli/options/parse_options.h"
#include "cli/options/secret_arguments.h"
#include "cli/session/event_loop.h"
#include "transport/tls/openssl_init.h"

namespace {

using namespace cfpipe;

int run(cli::Options options) {
  if (auto started = cli::start_logging(options); !started) return cli::report(started.error());
  const auto command = options.command;
  if (command == cli::Command::ssh_config) return cli::run_ssh_config(options);
  if (command == cli::Command::logout) return cli::run_logout(options);
  if (command == cli::Command::status) return cli::run_status(options);
  transport::start_openssl_lean();
  return cli::run_to_end([&](cli::Interrupts& interrupts) {
    switch (command) {
      case cli::Command::ssh_gen:
        return cli::run_ssh_gen(std::move(options), interrupts);
      case cli::Command::login:
        return cli::run_login(std::move(options));
      case cli::Command::token:
        return cli::run_token(std::move(options));
      case cli::Command::curl:
        return cli::run_curl(std::move(options));
      case cli::Command::doctor:
        return cli::run_doctor(std::move(options));
      case cli::Command::list:
        return cli::run_list(std::move(options));
      default:
        return options.listen ? cli::run_listen(std::move(options), interrupts)
                              : cli::run_ssh(std::move(options), interrupts);
    }
  });
}

/// What is thrown where there is nothing to catch it, in a destructor or another thread, ends the process
/// here.
[[noreturn]] void terminate() {
  ::_exit(cli::report(failure_of_exception(std::current_exception(), Stage::config)));
}

/// A libc that is inside the program must not load this machine's modules, which need this machine's libc.
void look_names_up_without_modules() {
#ifdef CFPIPE_STATIC_CLIENT
  ::__nss_configure_lookup("hosts", "files dns");
  ::__nss_configure_lookup("passwd", "files");
#endif
}

int run_command_line(int argc, char** argv) {
  look_names_up_without_modules();
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  cli::hide_secret_arguments(argc, argv);
  ignore_write_signals();
  fill_standard_descriptors();
  (void)cli::start_logging({});  // off, and away from standard output, until the options say otherwise
  keep_memory_private();
  const cli::Environment environment = [](const char* name) -> const char* { return std::getenv(name); };
  auto parsed = cli::parse_command_line(arguments, environment);
  if (auto* options = std::get_if<cli::Options>(&parsed); options && options->command == cli::Command::doctor)
    if (auto used = cli::use_block(arguments, environment, *options); !used) parsed = used.error();
  cli::forget_secret_variables();
  if (const auto* failure = std::get_if<Failure>(&parsed)) return cli::report(*failure);
  if (const auto* asked = std::get_if<cli::AskedText>(&parsed)) {
    const auto written = cli::write_output(asked->text);
    return written ? cli::kOk : cli::report(written.error());
  }
  return run(std::move(std::get<cli::Options>(parsed)));
}

}  // namespace

int main(int argc, char** argv) {
  std::set_terminate(terminate);
  try {
    return run_command_line(argc, argv);
  } catch (...) {
    return cli::report(failure_of_exception(std::current_exception(), Stage::config));
  }
}
