#include "base/platform/network_watch.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/platform/own_file.h"
#include "base/platform/suspend_time.h"

namespace cfpipe {
namespace {

using namespace std::chrono_literals;

/// Takes this thread's loopback up or down, with its address and routes.
void set_loopback(bool up) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = static_cast<short>(up ? IFF_UP : 0);
  EXPECT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0);
}

/// In a network of its own, so that the machine's stays as it is.
template <class Body>
bool in_own_network(Body body) {
  bool possible = false;
  std::thread([&] {
    possible = ::unshare(CLONE_NEWNET) == 0;
    if (possible) body();
  }).join();
  return possible;
}

TEST(NetworkWatch, TellsOfAddressesAndRoutesOnceForEachBurst) {
  const bool possible = in_own_network([] {
    boost::asio::io_context io;
    int told = 0;
    const NetworkWatch watch(io.get_executor(), [&] {
      ++told;
      io.stop();
    });
    ASSERT_TRUE(watch.works());
    EXPECT_EQ(io.run_for(100ms), 0U);
    set_loopback(true);
    io.run_for(10s);
    EXPECT_EQ(told, 1);
    io.restart();
    set_loopback(false);
    set_loopback(true);
    io.run_for(10s);
    EXPECT_EQ(told, 2);
  });
  if (!possible) GTEST_SKIP() << "no network of its own here";
}

TEST(NetworkWatch, TellsNothingOnceItIsGone) {
  const bool possible = in_own_network([] {
    boost::asio::io_context io;
    int told = 0;
    {
      const NetworkWatch watch(io.get_executor(), [&] { ++told; });
      set_loopback(true);
      io.run_for(50ms);
    }
    io.restart();
    io.run_for(1500ms);
    EXPECT_EQ(told, 0);
  });
  if (!possible) GTEST_SKIP() << "no network of its own here";
}

TEST(SuspendTime, DoesNotGrowWhileTheMachineRuns) {
  const auto before = time_suspended();
  EXPECT_GE(before, -1ms);
  std::this_thread::yield();
  EXPECT_LE(time_suspended() - before, 100ms);
}

}  // namespace
}  // namespace cfpipe
