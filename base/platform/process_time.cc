#include "base/platform/process_time.h"

#include <unistd.h>

#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace cfpipe {
namespace {

/// Fields of /proc/PID/stat behind the parenthesised command name are counted from 3 (proc(5)).
constexpr int kFirstField = 3;
constexpr int kStartField = 22;

std::optional<std::int64_t> boot_time_s() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    std::int64_t seconds = 0;
    if (word == "btime") return file >> seconds ? std::optional(seconds) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> process_start_ms(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  // Not by iterators of the buffer: they throw where the process ends while it is being read.
  std::ostringstream text;
  text << file.rdbuf();
  const std::string stat = text.str();
  // The command name may hold spaces and parentheses, but nothing behind it does.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string state;
  fields >> state;
  if (state == "Z" || state == "X") return std::nullopt;
  std::string ticks_text;
  for (int field = kFirstField + 1; field <= kStartField; ++field) fields >> ticks_text;
  std::int64_t ticks = 0;
  const char* end = ticks_text.data() + ticks_text.size();
  if (!fields || std::from_chars(ticks_text.data(), end, ticks).ptr != end) return std::nullopt;
  const auto booted = boot_time_s();
  const std::int64_t per_second = ::sysconf(_SC_CLK_TCK);
  if (!booted || per_second <= 0) return std::nullopt;
  return ticks * 1000 / per_second + *booted * 1000;
}

}  // namespace cfpipe
