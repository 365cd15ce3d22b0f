// The programs have a logger of their own; log lines of tests are dropped.
#include "base/log.h"

namespace {

const bool quiet = [] {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("tests"));
  return true;
}();

}  // namespace
