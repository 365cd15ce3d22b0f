// Lookups of names that take their time, and whose they are.
#include "transport/net/lookups.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace cfpipe::transport {
namespace {
using namespace std::chrono_literals;
namespace net = boost::asio;

constexpr auto kTimeout = 60s;

/// Names below `slow` are answered once they are let go.
class LookupsTest : public ::testing::Test {
 protected:
  struct Asked {
    std::optional<Result<Endpoints>> found;
  };

  ~LookupsTest() override {
    let_go();
    // The threads use this object.
    while (lookups_.under_way() > 0) std::this_thread::yield();
  }

  Lookups::Found answer(const std::string& host) {
    std::unique_lock lock(mutex_);
    ++asked_[host];
    changed_.notify_all();
    if (host.ends_with("slow")) changed_.wait(lock, [this] { return let_go_; });
    if (host == "short") return {{}, EMFILE};
    if (host == "later") return {{}, 0, true};
    if (host.ends_with("unknown")) return {};
    return {{{net::ip::make_address("192.0.2.1"), 0}}, 0};
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    let_go_ = true;
    changed_.notify_all();
  }
  int times_asked(const std::string& host) {
    const std::lock_guard lock(mutex_);
    return asked_[host];
  }
  static net::awaitable<void> find(Lookups& lookups, std::string host, std::string owner,
                                   std::chrono::milliseconds limit, Asked& asked) {
    asked.found = co_await lookups.find(host, owner, limit);
  }
  Asked& ask(const std::string& host, const std::string& owner, std::chrono::milliseconds limit = kTimeout) {
    Asked& asked = all_.emplace_back();
    net::co_spawn(io_, find(lookups_, host, owner, limit, asked), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
    io_.restart();
    io_.poll();
    return asked;
  }
  void until_answered(Asked& asked) {
    io_.restart();
    while (!asked.found && io_.run_one_for(kTimeout) > 0) {
    }
    ASSERT_TRUE(asked.found);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool let_go_ = false;
  std::map<std::string, int> asked_;
  std::list<Asked> all_;
  net::io_context io_;
  Lookups lookups_{{4, 2}, [this](const std::string& host) { return answer(host); }};
};

TEST_F(LookupsTest, FindAddressesOrNone) {
  Asked& good = ask("good", "");
  Asked& unknown = ask("unknown", "");
  until_answered(good);
  until_answered(unknown);
  ASSERT_TRUE(*good.found);
  EXPECT_EQ((*good.found)->front().address().to_string(), "192.0.2.1");
  ASSERT_FALSE(*unknown.found);
  EXPECT_EQ(unknown.found->error().cause, Cause::name_not_found);
  Asked& later = ask("later", "");
  until_answered(later);
  ASSERT_FALSE(*later.found);
  EXPECT_EQ(later.found->error().cause, Cause::lookup_failed);
  Asked& shortage = ask("short", "");
  until_answered(shortage);
  ASSERT_FALSE(*shortage.found);
  EXPECT_EQ(shortage.found->error().cause, Cause::system_short);
  EXPECT_EQ(lookups_.refused(), 0u);
}

TEST_F(LookupsTest, OfOneNameAreSharedByAllWhoWantIt) {
  std::vector<Asked*> same;
  for (int i = 0; i < 100; ++i) same.push_back(&ask("a.slow", "app" + std::to_string(i)));
  EXPECT_EQ(lookups_.under_way(), 1u);
  Asked& other = ask("good", "other");
  until_answered(other);
  EXPECT_TRUE(*other.found);
  let_go();
  for (Asked* one : same) {
    until_answered(*one);
    EXPECT_TRUE(*one->found);
  }
  EXPECT_EQ(times_asked("a.slow"), 1);
  EXPECT_EQ(lookups_.refused(), 0u);
}

TEST_F(LookupsTest, OfOneOwnerLeaveRoomForOthers) {
  ask("a.slow", "hog");
  ask("b.slow", "hog");
  Asked& third = ask("c.slow", "hog");
  until_answered(third);
  ASSERT_FALSE(*third.found) << "at once: there is no room";
  EXPECT_EQ(third.found->error().cause, Cause::timed_out);
  EXPECT_EQ(lookups_.refused(), 1u);
  Asked& other = ask("good", "other");
  until_answered(other);
  EXPECT_TRUE(*other.found);
}

TEST_F(LookupsTest, ThatWereAbandonedStillTakeRoom) {
  Asked& given_up = ask("a.slow", "hog", 10ms);
  until_answered(given_up);
  EXPECT_FALSE(*given_up.found);
  EXPECT_EQ(lookups_.under_way(), 1u);
  for (const char* name : {"b.slow", "c.slow", "d.slow"}) ask(name, "");
  Asked& one_too_many = ask("good", "");
  until_answered(one_too_many);
  EXPECT_FALSE(*one_too_many.found);
  Asked& joined = ask("b.slow", "other");
  let_go();
  until_answered(joined);
  EXPECT_TRUE(*joined.found) << "a name that is being looked up needs no room";
}

TEST_F(LookupsTest, MayOutliveTheLoopThatAsked) {
  {
    net::io_context gone;
    Asked asked;
    net::co_spawn(gone, find(lookups_, "a.slow", "", kTimeout, asked), [](const std::exception_ptr&) {});
    gone.poll();
    EXPECT_EQ(lookups_.under_way(), 1u);
  }
  let_go();
  Asked& next = ask("a.slow", "");
  until_answered(next);
  EXPECT_TRUE(*next.found);
}

}  // namespace
}  // namespace cfpipe::transport
