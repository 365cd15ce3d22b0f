#include "cli/session/companion.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <stdexcept>

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;

class CompanionTest : public ::testing::Test {
 protected:
  /// A wait that the test ends, or a cancellation, which throws.
  struct Gate {
    explicit Gate(net::io_context& loop) : timer(loop, net::steady_timer::time_point::max()) {}
    net::awaitable<void> wait() {
      const ScopeExit left([this] { waits = false; });
      waits = true;
      try {
        co_await timer.async_wait(net::use_awaitable);
      } catch (const boost::system::system_error&) {
        if (!opened) throw;
      }
    }
    void open() {
      opened = true;
      timer.cancel();
    }
    net::steady_timer timer;
    bool opened = false;
    bool waits = false;
  };

  net::awaitable<Result<std::unique_ptr<int>>> main_coroutine() {
    co_await main_gate_.wait();
    if (main_throws_) throw std::runtime_error("main");
    co_return std::make_unique<int>(7);
  }
  net::awaitable<Result<void>> companion() {
    co_await companion_gate_.wait();
    if (companion_throws_) throw std::runtime_error("companion");
    co_return companion_result_;
  }
  void start() {
    auto both = run_with_companion(main_coroutine(), companion());
    net::co_spawn(loop_, std::move(both),
                  net::bind_cancellation_slot(
                      cancel_.slot(), [this](const std::exception_ptr& e, Result<std::unique_ptr<int>> r) {
                        over_ = true;
                        thrown_ = e;
                        result_ = std::move(r);
                      }));
    turn();
    ASSERT_TRUE(main_gate_.waits);
    ASSERT_TRUE(companion_gate_.waits);
  }
  void turn() {
    loop_.restart();
    loop_.poll();
  }
  void open(Gate& gate) {
    gate.open();
    turn();
  }

  net::io_context loop_;
  net::cancellation_signal cancel_;
  Gate main_gate_{loop_};
  Gate companion_gate_{loop_};
  bool main_throws_ = false;
  bool companion_throws_ = false;
  Result<void> companion_result_;
  bool over_ = false;
  std::exception_ptr thrown_;
  Result<std::unique_ptr<int>> result_;
};

TEST_F(CompanionTest, TheEndOfMainCancelsTheCompanion) {
  start();
  open(main_gate_);
  ASSERT_TRUE(over_);
  EXPECT_FALSE(thrown_);
  EXPECT_EQ(**result_, 7);
  EXPECT_FALSE(companion_gate_.waits);
}

TEST_F(CompanionTest, MainOutlivesACompanionThatSucceeds) {
  start();
  open(companion_gate_);
  EXPECT_FALSE(over_);
  open(main_gate_);
  ASSERT_TRUE(over_);
  EXPECT_EQ(**result_, 7);
}

TEST_F(CompanionTest, MainOutlivesACompanionThatThrows) {
  companion_throws_ = true;
  start();
  open(companion_gate_);
  EXPECT_FALSE(over_);
  open(main_gate_);
  ASSERT_TRUE(over_);
  EXPECT_FALSE(thrown_);
  EXPECT_EQ(**result_, 7);
}

TEST_F(CompanionTest, AFailureOfTheCompanionCancelsMain) {
  companion_result_ = Failure{Stage::tunnel, Cause::origin_silent};
  start();
  open(companion_gate_);
  ASSERT_TRUE(over_);
  EXPECT_FALSE(thrown_);
  EXPECT_FALSE(main_gate_.waits);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().cause, Cause::origin_silent);
}

TEST_F(CompanionTest, AFailureAfterTheEndOfMainIsIgnored) {
  companion_result_ = Failure{Stage::tunnel, Cause::origin_silent};
  start();
  main_gate_.open();
  companion_gate_.open();
  turn();
  ASSERT_TRUE(over_);
  ASSERT_TRUE(result_);
  EXPECT_EQ(**result_, 7);
}

TEST_F(CompanionTest, WhatMainThrowsIsThrownOnceTheCompanionHasEnded) {
  main_throws_ = true;
  start();
  open(main_gate_);
  ASSERT_TRUE(over_);
  EXPECT_FALSE(companion_gate_.waits);
  EXPECT_THROW(std::rethrow_exception(thrown_), std::runtime_error);
}

TEST_F(CompanionTest, ACancellationReachesBoth) {
  start();
  cancel_.emit(net::cancellation_type::terminal);
  turn();
  ASSERT_TRUE(over_);
  EXPECT_FALSE(main_gate_.waits);
  EXPECT_FALSE(companion_gate_.waits);
  EXPECT_THROW(std::rethrow_exception(thrown_), boost::system::system_error);
}

}  // namespace
}  // namespace cfpipe::cli
