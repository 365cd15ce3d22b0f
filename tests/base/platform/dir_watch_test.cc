#include "base/platform/dir_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <functional>

#include "support/temp_dir.h"

namespace cfpipe {
namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;

/// Long enough to be told from a wake, on any machine; and not waited for where one comes.
constexpr auto kLong = 60s;

class Watched : public ::testing::Test {
 protected:
  /// Whether something woke the watch before the time was over.
  bool wakes(const std::function<void()>& change, std::chrono::milliseconds at_most) {
    bool over = false;
    net::steady_timer deadline(loop_);
    deadline.expires_after(at_most);
    deadline.async_wait([&](const boost::system::error_code& error) {
      if (error) return;  // of an earlier call, whose variables are gone
      over = true;
      loop_.stop();
    });
    auto waiting = [](DirWatch& watch) -> net::awaitable<void> { co_await watch.changed(kLong); };
    auto once = waiting(watch_);
    net::co_spawn(loop_, std::move(once), [this](const std::exception_ptr&) { loop_.stop(); });
    net::post(loop_, change);
    loop_.restart();
    loop_.run();
    return !over;
  }
  const TempDir dir_;
  net::io_context loop_;
  DirWatch watch_{loop_.get_executor(), dir_.path(), "app-token"};
};

TEST_F(Watched, WakesAtEachKindOfChange) {
  EXPECT_TRUE(wakes([this] { dir_.put("app-token", "x"); }, kLong)) << "written in place";
  dir_.put("elsewhere", "x");
  EXPECT_TRUE(
      wakes([this] { EXPECT_EQ(::link((dir_ / "elsewhere").c_str(), (dir_ / "app-token.lock").c_str()), 0); },
            kLong))
      << "a file that was made without a name";
  EXPECT_TRUE(
      wakes([this] { std::rename((dir_ / "elsewhere").c_str(), (dir_ / "app-token.url").c_str()); }, kLong));
  EXPECT_TRUE(wakes([this] { ::unlink((dir_ / "app-token.url").c_str()); }, kLong));
}

TEST_F(Watched, WakesForWhatHappenedBeforeItWasAsked) {
  dir_.put("app-token", "x");
  EXPECT_TRUE(wakes([] {}, kLong));
}

TEST_F(Watched, SleepsOnWhateverHappensToOthers) {
  EXPECT_FALSE(wakes(
      [this] {
        dir_.put("app", "x");
        dir_.put(".cfpipe-x.tmp", "x");
        ::unlink((dir_ / ".cfpipe-x.tmp").c_str());
        dir_.put("vm.example.com.tls-ticket", "x");
      },
      300ms));
}

TEST(WatchOfNothing, WaitsForItsTime) {
  net::io_context loop;
  DirWatch watch(loop.get_executor(), "/nonexistent", "x");
  bool done = false;
  auto waiting = [](DirWatch& w, bool& d) -> net::awaitable<void> {
    co_await w.changed(1ms);
    d = true;
  };
  auto once = waiting(watch, done);
  net::co_spawn(loop, std::move(once), net::detached);
  loop.run();
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace cfpipe
