#include "auth/clock.h"

#include <chrono>

namespace cfpipe::auth {

std::int64_t unix_now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::floor<std::chrono::seconds>(since_epoch).count();
}

}  // namespace cfpipe::auth
