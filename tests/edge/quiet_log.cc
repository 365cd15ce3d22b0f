// The programs bring a logger of their own; what is said in tests is for nobody.
#include <spdlog/spdlog.h>

namespace {

const bool quiet = [] {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("tests"));
  return true;
}();

}  // namespace
