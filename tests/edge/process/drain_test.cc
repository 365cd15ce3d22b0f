// An edge that ends: what has begun is answered, and listeners that other processes share are theirs.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "edge/fake_site.h"
#include "edge/listener/given_sockets.h"
#include "edge/process/served_mark.h"
#include "edge/raw_client.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

using namespace std::chrono_literals;

constexpr const char* kPageRequest = "GET /page HTTP/1.1\r\nHost: vm.localhost\r\n\r\n";

class Page final : public FakeSite {
 public:
  net::awaitable<Answer> handle(const Request& request) override {
    Answer answer;
    answer.body = request.path;
    co_return answer;
  }
};

Page& page() {
  static Page made;
  return made;
}

class DrainTest : public RawEdgeTest {
 protected:
  DrainTest() : RawEdgeTest(page()) {}

  void stop(std::chrono::milliseconds drain) {
    net::post(loop_, [this, drain] { server_->stop(drain); });
    for (;;) {
      net::io_context io;
      net::ip::tcp::socket socket(io);
      boost::system::error_code refused;
      socket.connect({net::ip::address_v4::loopback(), port()}, refused);
      if (refused) return;
    }
  }
  static bool is_last(const std::optional<std::string>& answer) {
    return answer && answer->starts_with("HTTP/1.1 200") &&
           answer->find("Connection: close") != std::string::npos && answer->ends_with("/page");
  }

  std::promise<void> ended_;
};

TEST_F(DrainTest, AConnectionThatHasAskedNothingIsAnsweredOnce) {
  start();
  RawClient before(port());
  ASSERT_TRUE(before.handshake("http/1.1"));
  RawClient kept(port());
  ASSERT_TRUE(kept.handshake("http/1.1"));
  ASSERT_TRUE(kept.say(kPageRequest));
  EXPECT_TRUE(kept.hear_until("/page").starts_with("HTTP/1.1 200"));
  RawClient early(port());  // whose handshake is still to come
  stop(30s);
  ASSERT_TRUE(before.say(kPageRequest));
  EXPECT_TRUE(is_last(before.hear()));
  ASSERT_TRUE(kept.say(kPageRequest));
  EXPECT_TRUE(is_last(kept.hear()));
  ASSERT_TRUE(early.handshake("http/1.1"));
  ASSERT_TRUE(early.say(kPageRequest));
  EXPECT_TRUE(is_last(early.hear()));
}

TEST_F(DrainTest, SilentConnectionsEndLongBeforeTheDrainAndThatIsTold) {
  std::promise<void> drained;
  start();
  RawClient first(port());
  ASSERT_TRUE(first.handshake("http/1.1"));
  RawClient second(port());
  ASSERT_TRUE(second.handshake("h2"));
  net::post(loop_, [&] {
    server_->on_drained([&] {
      const auto loads = server_->loads();
      if (std::all_of(loads.begin(), loads.end(), [](std::size_t load) { return load == 0; }))
        drained.set_value();
    });
  });
  stop(10 * kRawDeadline);
  EXPECT_TRUE(first.hear().has_value());
  EXPECT_TRUE(second.hear().has_value());
  EXPECT_EQ(drained.get_future().wait_for(kRawDeadline), std::future_status::ready);
  std::promise<void> forgotten;
  net::post(loop_, [&] {
    server_->on_drained({});
    forgotten.set_value();
  });
  forgotten.get_future().wait();
}

TEST_F(DrainTest, AListenerThatIsSharedGoesOnWithTheOther) {
  auto listener = open_listener(options_.listen, kListenName).value();
  const Fd ours(::fcntl(listener.get(), F_DUPFD_CLOEXEC, 0));
  server_ = Server::open(loop_.get_executor(), options_, site_, std::move(listener)).value();
  net::co_spawn(loop_, server_->run(), [this](const std::exception_ptr&) { ended_.set_value(); });
  thread_ = std::thread([this] { loop_.run(); });
  {
    RawClient client(port());
    ASSERT_TRUE(client.handshake("http/1.1"));
    ASSERT_TRUE(client.say(kPageRequest));
    EXPECT_TRUE(client.hear_until("/page").starts_with("HTTP/1.1 200"));
  }
  net::post(loop_, [this] { server_->stop(30s); });
  ASSERT_EQ(ended_.get_future().wait_for(kRawDeadline), std::future_status::ready);
  RawClient waits(port());  // not accepted for now
  net::io_context second_loop{1};
  ControlPlane second_site(second_loop.get_executor(), page(), page());
  const auto second = Server::open(second_loop.get_executor(), options_, second_site,
                                   Fd(::fcntl(ours.get(), F_DUPFD_CLOEXEC, 0)))
                          .value();
  EXPECT_EQ(second->port(), port());
  net::co_spawn(second_loop, second->run(), net::detached);
  std::thread serves([&second_loop] { second_loop.run_for(kRawDeadline); });
  ASSERT_TRUE(waits.handshake("http/1.1"));
  ASSERT_TRUE(waits.say(kPageRequest));
  EXPECT_TRUE(waits.hear_until("/page").starts_with("HTTP/1.1 200"));
  second_loop.stop();
  serves.join();
}

TEST(ServedMark, IsSeenByOthersOnceForEachTime) {
  const TempDir dir;
  ServedMark drains(dir / "");
  ServedMark serves(dir / "");
  EXPECT_FALSE(drains.changed());
  for (int i = 0; i < 3; ++i) {
    serves.set();
    EXPECT_TRUE(drains.changed());
    EXPECT_FALSE(drains.changed());
    EXPECT_FALSE(serves.changed());
  }
}

}  // namespace
}  // namespace cfpipe::edge
