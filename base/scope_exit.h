#pragma once

#include <utility>

namespace cfpipe::cli {

/// Does something when the scope is left, also by a coroutine that is cancelled.
template <class F>
class AtEnd {
 public:
  explicit AtEnd(F f) : f_(std::move(f)) {}
  ~AtEnd() { f_(); }
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;

 private:
  F f_;
};

}  // namespace cfpipe::cli
