// So much at once, and a queue in which parties take turns.
#include "edge/limits/fair_slots.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace cfpipe::edge {
namespace {
using namespace std::chrono_literals;
namespace net = boost::asio;

class FairSlot : public ::testing::Test {
 protected:
  struct Asked {
    std::string party;
    bool answered = false;
    std::optional<FairSlots::Slot> slot;
  };

  void limit(FairSlots::Limits limits) { slots_ = std::make_unique<FairSlots>(io_.get_executor(), limits); }
  static net::awaitable<void> wait_for(FairSlots& slots, Asked& asked) {
    auto slot = co_await slots.take(asked.party);
    asked.answered = true;
    if (slot) asked.slot.emplace(std::move(*slot));
  }
  Asked& ask(const std::string& party) {
    Asked& asked = all_.emplace_back();
    asked.party = party;
    net::co_spawn(io_, wait_for(*slots_, asked), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
    poll();
    return asked;
  }
  void poll() {
    io_.restart();
    io_.poll();
  }
  void end(Asked& asked) {
    asked.slot.reset();
    poll();
  }

  std::list<Asked> all_;
  std::unique_ptr<FairSlots> slots_;
  net::io_context io_;
};

TEST_F(FairSlot, IsHadAtOnceWhileThereAreAny) {
  limit({2, 2, 10, 10, 1min});
  EXPECT_TRUE(ask("a").slot);
  EXPECT_TRUE(ask("a").slot);
  Asked& third = ask("a");
  EXPECT_FALSE(third.answered);
  EXPECT_EQ(slots_->busy(), 2u);
  EXPECT_EQ(slots_->waiting(), 1u);
  end(all_.front());
  EXPECT_TRUE(third.slot);
  EXPECT_EQ(slots_->waiting(), 0u);
}

TEST_F(FairSlot, OfOnePartyLeavesRoomForOthers) {
  limit({4, 2, 10, 10, 1min});
  for (int i = 0; i < 5; ++i) ask("attacker");
  EXPECT_EQ(slots_->busy(), 2u);
  EXPECT_TRUE(ask("victim").slot) << "at once, although others wait";
}

TEST_F(FairSlot, GoesFromPartyToPartyHoweverManyOneAsksFor) {
  limit({2, 2, 100, 100, 1min});
  Asked& first = ask("attacker");
  Asked& second = ask("attacker");
  for (int i = 0; i < 50; ++i) ask("attacker");
  Asked& victim = ask("victim");
  Asked& other = ask("other");
  EXPECT_FALSE(victim.answered);
  end(first);
  EXPECT_FALSE(victim.answered) << "the attacker's turn came first";
  end(second);
  EXPECT_TRUE(victim.slot);
  EXPECT_FALSE(other.answered);
  end(victim);
  EXPECT_TRUE(other.slot);
}

TEST_F(FairSlot, IsRefusedWhereTooManyWait) {
  limit({1, 1, 3, 2, 1min});
  ask("a");
  ask("a");
  ask("a");
  EXPECT_TRUE(ask("a").answered) << "two of one party wait";
  EXPECT_FALSE(ask("b").answered);
  Asked& late = ask("c");
  EXPECT_TRUE(late.answered && !late.slot) << "three wait in all";
  EXPECT_EQ(slots_->waiting(), 3u);
}

TEST_F(FairSlot, IsWaitedForSoLong) {
  limit({1, 1, 10, 10, 20ms});
  Asked& first = ask("a");
  Asked& second = ask("b");
  while (!second.answered) {
    io_.restart();
    io_.run_one();
  }
  EXPECT_FALSE(second.slot);
  EXPECT_EQ(slots_->waiting(), 0u);
  end(first);
  EXPECT_EQ(slots_->busy(), 0u);
  EXPECT_TRUE(ask("b").slot);
}

TEST_F(FairSlot, IsGivenBackByACallerThatIsGone) {
  limit({1, 1, 10, 10, 1min});
  auto io = std::make_unique<net::io_context>();
  FairSlots slots(io->get_executor(), {1, 1, 10, 10, 1min});
  Asked first;
  Asked second;
  first.party = "a";
  second.party = "b";
  for (Asked* one : {&first, &second})
    net::co_spawn(*io, wait_for(slots, *one), [](const std::exception_ptr&) {});
  io->poll();
  ASSERT_TRUE(first.slot);
  EXPECT_EQ(slots.waiting(), 1u);
  first.slot.reset();  // the second one's turn has come, and its loop ends before it runs
  io.reset();
  EXPECT_FALSE(second.answered);
  EXPECT_EQ(slots.busy(), 0u);
  EXPECT_EQ(slots.waiting(), 0u);
}

}  // namespace
}  // namespace cfpipe::edge
