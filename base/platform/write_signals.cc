#include "base/platform/write_signals.h"

#include <array>

namespace cfpipe {
namespace {

constexpr std::array kWriteSignals{SIGPIPE, SIGXFSZ};

}  // namespace

void ignore_write_signals() {
  for (const int number : kWriteSignals) std::signal(number, SIG_IGN);
}

void restore_write_signals() {
  for (const int number : kWriteSignals) std::signal(number, SIG_DFL);
}

void add_write_signals(sigset_t& signals) {
  for (const int number : kWriteSignals) sigaddset(&signals, number);
}

}  // namespace cfpipe
