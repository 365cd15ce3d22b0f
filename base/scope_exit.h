#pragma once

#include <utility>

namespace cfpipe::cli {

/// Calls `f` when the scope is left, also when a coroutine is cancelled.
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
