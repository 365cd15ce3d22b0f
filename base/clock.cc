#include "base/clock.h"

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>

namespace cfpipe {

std::int64_t unix_now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::floor<std::chrono::seconds>(since_epoch).count();
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  std::tm parsed{};
  const std::string whole(text);
  const char* end = ::strptime(whole.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parsed);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return ::timegm(&parsed);
}

std::int64_t clock_offset(std::string_view date, std::int64_t now) {
  const auto there = parse_http_date(date);
  if (!there || std::abs(*there - now) < kClockTolerance) return 0;
  return *there - now;
}

std::string spoken_offset(std::int64_t offset) {
  const std::int64_t by = std::abs(offset);
  const auto two = [](std::int64_t a, const char* unit_a, std::int64_t b, const char* unit_b) {
    return std::to_string(a) + unit_a + std::to_string(b) + unit_b;
  };
  std::string text = by < 3600      ? two(by / 60, " min ", by % 60, " s")
                     : by < 172'800 ? two(by / 3600, " h ", by / 60 % 60, " min")
                                    : std::to_string(by / 86'400) + " days";
  return text + (offset > 0 ? " behind the edge's" : " ahead of the edge's");
}

}  // namespace cfpipe
