#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_set>

namespace cfpipe::edge {

/// Which of many short-lived names have been used, as far back as `kMost`. In memory: what it adds up to is
/// that nothing is done twice for one of them, not that nothing could be.
class UsedOnce {
 public:
  static constexpr std::size_t kMost = 16 * 1024;  ///< names

  /// True at the first call for a name.
  bool first(const std::string& name) {
    if (!names_.insert(name).second) return false;
    order_.push_back(name);
    if (order_.size() > kMost) {
      names_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

 private:
  std::unordered_set<std::string> names_;
  std::deque<std::string> order_;
};

}  // namespace cfpipe::edge
