#pragma once

#include <utility>

namespace cfpipe {

/// Calls `f` when the scope is left, also when a coroutine is cancelled.
template <class F>
class ScopeExit {
 public:
  explicit ScopeExit(F f) : f_(std::move(f)) {}
  ~ScopeExit() { f_(); }
  ScopeExit(const ScopeExit&) = delete;
  ScopeExit& operator=(const ScopeExit&) = delete;

 private:
  F f_;
};

}  // namespace cfpipe
