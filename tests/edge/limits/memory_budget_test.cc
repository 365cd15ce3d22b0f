#include "edge/limits/memory_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "edge/edge_fixture.h"
#include "edge/limits/memory_watch.h"
#include "edge/limits/run_all.h"
#include "edge/listener/idle_connections.h"
#include "edge/process/lifecycle.h"
#include "tunnel/buffer_pool.h"

namespace cfpipe::edge {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

TEST(MemoryBudget, RefusesLargeRequestsFirstAndSmallOnesLast) {
  MemoryBudget budget(80 * kMiB);
  EXPECT_TRUE(budget.fits(30 * kMiB, MemoryUse::large));
  const MemoryHold tunnels(budget, 45 * kMiB);
  EXPECT_FALSE(budget.fits(1, MemoryUse::large)) << "half is for other uses";
  EXPECT_TRUE(budget.fits(kConnectionBytes, MemoryUse::connection));
  const MemoryHold connections(budget, 20 * kMiB);
  EXPECT_FALSE(budget.fits(1, MemoryUse::connection));
  EXPECT_TRUE(budget.fits(kSmallBytes, MemoryUse::small)) << "those who are connected still get in";
  EXPECT_FALSE(budget.fits(200 * kMiB, MemoryUse::small));
}

TEST(MemoryCharge, IsGivenBackWithWhatItWasFor) {
  MemoryBudget budget(80 * kMiB);
  MemoryAccount account(budget, kMiB);
  const auto before = budget.used();
  {
    MemoryCharge charge(account);
    EXPECT_TRUE(charge.add(1000));
    EXPECT_TRUE(charge.add(500));
    EXPECT_EQ(account.held(), 1500u);
    EXPECT_EQ(budget.used(), before + 1500);
    charge.release();
    EXPECT_EQ(account.held(), 0u);
    EXPECT_TRUE(charge.add(1));
  }
  EXPECT_EQ(account.held(), 0u);
  EXPECT_EQ(budget.used(), before);
}

TEST(MemoryCharge, OneOfAConnectionMayBeLargeAndTheNextIsRefused) {
  MemoryBudget budget(80 * kMiB);
  MemoryAccount account(budget, kMiB);
  MemoryCharge first(account);
  EXPECT_TRUE(first.add(4 * kMiB));
  MemoryCharge second(account);
  EXPECT_FALSE(second.add(1));
  EXPECT_EQ(budget.refusals(MemoryUse::small), 1u);
  first.release();
  EXPECT_TRUE(second.add(1));
}

TEST(MemoryCharge, OfOneConnectionIsBoundedByTheBudgetOfAll) {
  MemoryBudget budget(8 * kMiB);
  MemoryAccount account(budget, 100 * kMiB);
  MemoryCharge charge(account);
  EXPECT_FALSE(charge.add(5 * kMiB));
  EXPECT_EQ(account.held(), 0u);
  EXPECT_EQ(budget.refusals(MemoryUse::large), 1u);
}

TEST(MemoryCharge, MayShrinkToAPartOfItself) {
  MemoryBudget budget(80 * kMiB);
  MemoryAccount account(budget, kMiB);
  MemoryCharge charge(account);
  EXPECT_TRUE(charge.add(1000));
  charge.keep(300);
  EXPECT_EQ(account.held(), 300u);
  charge.keep(500);
  EXPECT_EQ(budget.used(), 300u) << "there is no more to keep";
  budget.set_limit(0);
  EXPECT_TRUE(charge.add(0)) << "nothing fits anywhere";
}

TEST(MemoryBudget, CountsBuffersOnceItIsBounded) {
  MemoryBudget budget;
  tunnel::PooledBuffer buffer;
  buffer.take(kMiB);
  EXPECT_EQ(budget.used(), 0u);
  limit_memory(budget, 2 * kMiB);
  EXPECT_GE(budget.used(), kMiB);
  EXPECT_FALSE(budget.fits(1, MemoryUse::large)) << "half is for other uses";
  limit_memory(budget, std::numeric_limits<std::size_t>::max());
}

TEST(MemoryBudget, IsWhatTheConfigurationSaysOrAQuarter) {
  MemoryBudget budget;
  Config config;
  bound_memory(budget, config);
  EXPECT_EQ(budget.limit(), memory_of_process() / 4);
  config.memory = 32 * kMiB;
  bound_memory(budget, config);
  EXPECT_EQ(budget.limit(), 32 * kMiB);
  config.memory = kMaxMemory;
  bound_memory(budget, config);
  EXPECT_EQ(budget.limit(), std::min(memory_of_process(), kMaxMemory));
  limit_memory(budget, std::numeric_limits<std::size_t>::max());
}

class MemoryOfProcess : public ::testing::Test {
 protected:
  void file(const std::string& path, const std::string& content) {
    const std::filesystem::path whole = dir_ / path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << content << '\n';
  }
  TempDir dir_;
};

TEST_F(MemoryOfProcess, IsTheLeastOfItsCgroupsVersion2) {
  file("proc/self/cgroup", "0::/system.slice/edge.service");
  file("sys/fs/cgroup/system.slice/edge.service/memory.max", "max");
  file("sys/fs/cgroup/system.slice/memory.max", "67108864");
  EXPECT_EQ(memory_of_process(dir_.path()), 64 * kMiB);
  file("sys/fs/cgroup/system.slice/edge.service/memory.max", "33554432");
  EXPECT_EQ(memory_of_process(dir_.path()), 32 * kMiB);
}

TEST_F(MemoryOfProcess, IsThatOfTheCgroupVersion1) {
  file("proc/self/cgroup", "5:devices:/\n4:cpu,memory:/docker/abc\n0::/");
  file("sys/fs/cgroup/memory/memory.limit_in_bytes", "50331648");
  EXPECT_EQ(memory_of_process(dir_.path()), 48 * kMiB) << "in a container its own group is the root";
}

TEST_F(MemoryOfProcess, IsTheMachinesWithoutALimit) {
  file("proc/self/cgroup", "0::/\nnonsense\n7:memory\n");
  file("sys/fs/cgroup/memory.max", "max");
  const auto machine = memory_of_process(dir_ / "nothing");
  EXPECT_EQ(memory_of_process(dir_.path()), machine);
  EXPECT_GT(machine, kMiB);
}

TEST(MemoryWatch, GivesMemoryBackOnceALoadHasGone) {
  const auto budget = std::make_shared<MemoryBudget>();
  int trims = 0;
  MemoryWatch watch(budget, [&trims] { ++trims; });
  MemoryWatch::Clock::time_point now{};
  budget->add(64 * kMiB);
  watch.look(now);
  budget->give_back(16 * kMiB);
  watch.look(now);
  EXPECT_EQ(trims, 0) << "much of it is in use still";
  budget->give_back(48 * kMiB);
  watch.look(now);
  EXPECT_EQ(trims, 1);
  watch.look(now);
  EXPECT_EQ(trims, 1) << "once for each load";
}

TEST(IdleConnections, EndTheOneThatIsIdleForTheLongest) {
  IdleConnections all;
  std::vector<int> ended;
  const auto seat = [&](int number) {
    return std::make_shared<IdleConnections::Seat>(all, [&ended, number] { ended.push_back(number); });
  };
  const auto first = seat(1);
  const auto second = seat(2);
  auto third = seat(3);
  const auto fourth = seat(4);
  {
    const IdleConnections::Busy busy(first);
    const IdleConnections::Busy twice(first);
  }
  const IdleConnections::Busy busy(second);
  third.reset();
  EXPECT_TRUE(all.end_oldest());
  EXPECT_TRUE(all.end_oldest());
  EXPECT_FALSE(all.end_oldest()) << "one is busy, and the others are ending";
  EXPECT_EQ(ended, (std::vector<int>{4, 1}));
}

TEST(IdleConnections, HoldOfABusyConnectionMayOutliveIt) {
  IdleConnections all;
  auto seat = std::make_shared<IdleConnections::Seat>(all, [] { FAIL() << "it has gone"; });
  auto busy = std::make_optional<IdleConnections::Busy>(seat);
  seat->leave_for_good();
  seat.reset();
  busy.reset();
  EXPECT_FALSE(all.end_oldest());
}

TEST(RunAll, GoesOnBehindAHandlerThatFindsNoMemory) {
  boost::asio::io_context io;
  bool reached = false;
  boost::asio::post(io, [] { throw std::bad_alloc(); });
  boost::asio::post(io, [] { throw 42; });
  boost::asio::post(io, [&reached] { reached = true; });
  run_all(io);
  EXPECT_TRUE(reached);
}

}  // namespace
}  // namespace cfpipe::edge
