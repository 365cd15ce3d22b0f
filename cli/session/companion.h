#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <optional>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/scope_exit.h"

namespace cfpipe::cli {

/// What has come of the two coroutines of run_with_companion().
struct CompanionProgress {
  bool main_ended = false;
  std::optional<Failure> failure;  ///< the companion's, while the main coroutine went on
};

/// Condition of a parallel group (Boost.Asio): whether the end of one coroutine cancels the other.
class CancelsOther {
 public:
  explicit CancelsOther(const CompanionProgress& progress) : progress_(&progress) {}
  boost::asio::cancellation_type operator()(const std::exception_ptr&) const noexcept {
    const bool cancels = progress_->main_ended || progress_->failure.has_value();
    return cancels ? boost::asio::cancellation_type::all : boost::asio::cancellation_type::none;
  }

 private:
  const CompanionProgress* progress_;
};

template <class T>
boost::asio::awaitable<void> await_main(boost::asio::awaitable<Result<T>> main, CompanionProgress& progress,
                                        std::optional<Result<T>>& out) {
  const ScopeExit ended([&progress] { progress.main_ended = true; });
  out = co_await std::move(main);
}

inline boost::asio::awaitable<void> await_companion(boost::asio::awaitable<Result<void>> companion,
                                                    CompanionProgress& progress) {
  const auto result = co_await std::move(companion);
  if (!result && !progress.main_ended) progress.failure = result.error();
}

/// Returns the result of `main`, beside which `companion` runs. The end of `main` cancels the companion. If
/// the companion fails first, that cancels `main`, and is the Failure; if it succeeds or throws, `main` goes
/// on. Returns when both have ended.
template <class T>
boost::asio::awaitable<Result<T>> run_with_companion(boost::asio::awaitable<Result<T>> main,
                                                     boost::asio::awaitable<Result<void>> companion) {
  const auto executor = co_await boost::asio::this_coro::executor;
  CompanionProgress progress;
  std::optional<Result<T>> out;
  auto group = boost::asio::experimental::make_parallel_group(
      boost::asio::co_spawn(executor, await_main(std::move(main), progress, out), boost::asio::deferred),
      boost::asio::co_spawn(executor, await_companion(std::move(companion), progress),
                            boost::asio::deferred));
  CancelsOther condition(progress);
  auto both = std::move(group).async_wait(std::move(condition), boost::asio::deferred);
  const auto [order, main_thrown, companion_thrown] = co_await std::move(both);
  if (progress.failure) co_return *progress.failure;
  if (main_thrown) std::rethrow_exception(main_thrown);
  co_return std::move(*out);
}

}  // namespace cfpipe::cli
