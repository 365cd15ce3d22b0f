#include "transport/net/happy_eyeballs.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>

#include "loopback.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

tcp::endpoint at(const std::string& address, std::uint16_t port) {
  return {net::ip::make_address(address), port};
}

// Listens, and answers no SYN: its queue is full. (Linux: one connection more than the backlog of 0 fills
// it.)
class Silent {
 public:
  Silent(net::io_context& loop, const std::string& address)
      : acceptor_(loop, tcp::v4()), filler_(loop, tcp::v4()) {
    acceptor_.bind(at(address, 0));
    if (::listen(acceptor_.native_handle(), 0) != 0) throw std::runtime_error("listen failed");
    filler_.connect(acceptor_.local_endpoint());
  }
  tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

 private:
  tcp::acceptor acceptor_;
  tcp::socket filler_;
};

class ConnectTest : public testing::LoopbackTest {
 protected:
  // No process listens there, and no other can.
  tcp::endpoint refusing() {
    taken_.emplace_back(loop, at("127.0.0.1", 0));
    return taken_.back().local_endpoint();
  }
  tcp::endpoint listening() const { return acceptor.local_endpoint(); }

  Connected connect(Endpoints endpoints, std::chrono::milliseconds limit = 20s) {
    return connected(connect_first(std::move(endpoints), "vm.example.com", limit));
  }

 private:
  struct Taken : tcp::socket {
    Taken(net::io_context& loop, const tcp::endpoint& where) : tcp::socket(loop, where) {}
  };
  std::deque<Taken> taken_;
};

TEST(InTurns, FamiliesTakeTurnsAndTheFirstStaysFirst) {
  const auto a = at("192.0.2.1", 1), b = at("192.0.2.2", 1), c = at("192.0.2.3", 1);
  const auto x = at("2001:db8::1", 1), y = at("2001:db8::2", 1);
  EXPECT_EQ(in_turns({x, y, a, b, c}), (Endpoints{x, a, y, b, c}));
  EXPECT_EQ(in_turns({a, b, c, x, y}), (Endpoints{a, x, b, y, c}));
  EXPECT_EQ(in_turns({a, x, y}), (Endpoints{a, x, y}));
  EXPECT_EQ(in_turns({c, b, a}), (Endpoints{c, b, a}));
  EXPECT_EQ(in_turns({}), Endpoints{});
}

TEST_F(ConnectTest, AnAddressThatFailsHandsOnAtOnce) {
  const auto start = Clock::now();
  const auto socket = connect({refusing(), refusing(), listening()});
  ASSERT_TRUE(*socket);
  EXPECT_EQ((*socket)->remote_endpoint(), listening());
  tcp::no_delay set;
  (*socket)->get_option(set);
  EXPECT_TRUE(set.value());
  EXPECT_LT(Clock::now() - start, kAttemptDelay);
}

TEST_F(ConnectTest, AnAddressThatIsSilentIsNotWaitedFor) {
  const Silent silent(loop, "127.0.0.2");
  const auto start = Clock::now();
  const auto socket = connect({silent.endpoint(), listening()});
  ASSERT_TRUE(*socket);
  EXPECT_EQ((*socket)->remote_endpoint(), listening());
  EXPECT_GE(Clock::now() - start, kAttemptDelay);  // the first had its time
  EXPECT_LT(Clock::now() - start, 10s);
}

TEST_F(ConnectTest, AFailureBesideASilentAddressHandsOnToo) {
  const Silent silent(loop, "127.0.0.2");
  const auto socket = connect({silent.endpoint(), refusing(), listening()});
  ASSERT_TRUE(*socket);
  EXPECT_EQ((*socket)->remote_endpoint(), listening());
}

TEST_F(ConnectTest, LosersAreClosed) {
  // Slow rather than silent: it answers once there is room in its queue, which is after the other one has.
  Silent slow(loop, "127.0.0.2");
  const auto before = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  const auto socket = connect({slow.endpoint(), slow.endpoint(), listening()});
  ASSERT_TRUE(*socket);
  const auto after = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  EXPECT_EQ(after, before + 1);
}

TEST_F(ConnectTest, WhatIsToldIsWhatHappenedToTheFirstAddress) {
  const Silent silent(loop, "127.0.0.2");
  const auto first = refusing();
  const auto refused = connect({first, silent.endpoint()}, 400ms);
  ASSERT_FALSE(*refused);
  EXPECT_EQ((*refused).error().cause, Cause::refused);
  EXPECT_NE((*refused).error().detail.find(std::to_string(first.port())), std::string::npos);
  const auto late = connect({silent.endpoint(), refusing()}, 400ms);
  ASSERT_FALSE(*late);
  EXPECT_EQ((*late).error().stage, Stage::tcp);
  EXPECT_EQ((*late).error().cause, Cause::timed_out);
  EXPECT_NE((*late).error().detail.find("127.0.0.2"), std::string::npos);
}

TEST_F(ConnectTest, TheLimitIsForAllAddressesTogether) {
  const Silent silent(loop, "127.0.0.2");
  const auto start = Clock::now();
  const auto late = connect({silent.endpoint(), silent.endpoint(), silent.endpoint()}, 600ms);
  ASSERT_FALSE(*late);
  EXPECT_EQ((*late).error().cause, Cause::timed_out);
  EXPECT_GE(Clock::now() - start, 600ms);
  EXPECT_LT(Clock::now() - start, 10s);
}

}  // namespace
}  // namespace cfpipe::transport
