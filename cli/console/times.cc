#include "cli/console/times.h"

#include <ctime>

namespace cfpipe::cli {
namespace {

std::string formatted(std::int64_t time, const char* format) {
  const auto seconds = static_cast<std::time_t>(time);
  std::tm parts{};
  char text[32] = "";
  if (::localtime_r(&seconds, &parts) != nullptr) std::strftime(text, sizeof text, format, &parts);
  return text;
}

}  // namespace

std::string local_time(std::int64_t time) {
  return formatted(time, "%Y-%m-%d %H:%M");
}

std::string short_local_time(std::int64_t time, std::int64_t now) {
  constexpr const char* kDay = "%Y-%m-%d";
  return formatted(time, kDay) == formatted(now, kDay) ? formatted(time, "%H:%M") : local_time(time);
}

std::string duration(std::int64_t seconds) {
  const std::int64_t days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;
  const auto pair = [](std::int64_t large, char one, std::int64_t small, char other) {
    return std::to_string(large) + one + (small > 0 ? " " + std::to_string(small) + other : "");
  };
  if (days > 0) return pair(days, 'd', hours, 'h');
  if (hours > 0) return pair(hours, 'h', minutes, 'm');
  if (minutes > 0) return pair(minutes, 'm', seconds % 60, 's');
  return std::to_string(seconds) + "s";
}

}  // namespace cfpipe::cli
