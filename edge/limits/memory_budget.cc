#include "edge/limits/memory_budget.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "transport/http2/flow_control.h"
#include "tunnel/held_bytes.h"

namespace cfpipe::edge {
namespace {

constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

std::string first_line(const std::string& path) {
  std::string line;
  std::getline(std::ifstream(path) >> std::ws, line);
  return line;
}

/// A file of a cgroup; `max` and what cannot be read are no limit.
std::size_t limit_in(const std::string& path) {
  const std::string text = first_line(path);
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end != text.data() ? value : kUnlimited;
}

/// The least limit of a cgroup and all above it: `path` is the process's within the hierarchy.
std::size_t least_limit(const std::string& hierarchy, std::string path, const char* file) {
  std::size_t least = kUnlimited;
  for (;;) {
    if (path == "/") path.clear();
    least = std::min(least, limit_in(hierarchy + path + "/" + file));
    if (path.empty()) return least;
    path.erase(path.rfind('/'));
  }
}

/// cgroups(7): lines of `id:controllers:path`; v2 has the id 0 and no controllers.
std::size_t cgroup_limit(const std::string& root) {
  std::size_t least = kUnlimited;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.compare(second + 1, 1, "/") != 0) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty())
      least = std::min(least, least_limit(root + "/sys/fs/cgroup", path, "memory.max"));
    if (("," + controllers + ",").find(",memory,") != std::string::npos)
      least = std::min(least, least_limit(root + "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
  }
  return least;
}

std::size_t resource_limit(decltype(RLIMIT_AS) what) {
  rlimit limit{};
  if (::getrlimit(what, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  return limit.rlim_cur;
}

}  // namespace

std::size_t MemoryBudget::used() const {
  const auto charged = charged_.load(std::memory_order_relaxed);
  return counts_buffers_.load(std::memory_order_relaxed) ? charged + tunnel::held_bytes() : charged;
}

bool MemoryBudget::fits(std::size_t bytes, MemoryUse use) const {
  const auto share = limit() / 8 * kMemoryShare[static_cast<std::size_t>(use)];
  return bytes <= share && used() <= share - bytes;
}

bool MemoryCharge::add(std::size_t bytes) {
  if (bytes == 0) return true;
  const auto use = bytes_ + bytes <= kSmallBytes ? MemoryUse::small : MemoryUse::large;
  const bool others = account_.held_ > bytes_;
  if ((others && account_.held_ + bytes > account_.most_) || !account_.budget_.fits(bytes, use)) {
    account_.budget_.refused(use);
    return false;
  }
  account_.budget_.add(bytes);
  account_.held_ += bytes;
  bytes_ += bytes;
  return true;
}

void MemoryCharge::release() {
  keep(0);
}

void MemoryCharge::keep(std::size_t bytes) {
  if (bytes >= bytes_) return;
  account_.held_ -= bytes_ - bytes;
  account_.budget_.give_back(std::exchange(bytes_, bytes) - bytes);
}

void limit_memory(MemoryBudget& budget, std::size_t bytes) {
  budget.set_limit(bytes);
  budget.count_buffers();
  transport::limit_windows(bytes / 2);
}

std::size_t memory_of_process(const std::string& root) {
  const auto pages = ::sysconf(_SC_PHYS_PAGES);
  const auto page = ::sysconf(_SC_PAGESIZE);
  const std::size_t machine =
      pages > 0 && page > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(page) : kUnlimited;
  return std::min({machine, cgroup_limit(root), resource_limit(RLIMIT_AS), resource_limit(RLIMIT_DATA)});
}

}  // namespace cfpipe::edge
