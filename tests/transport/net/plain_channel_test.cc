#include "transport/net/plain_channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <string>

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
using tunnel::IoStatus;
namespace {
using namespace std::chrono_literals;

class PlainChannelTest : public ::testing::Test {
 protected:
  PlainChannelTest() : peer_(io_) {
    tcp::acceptor acceptor(io_, {net::ip::address_v4::loopback(), 0});
    peer_.connect(acceptor.local_endpoint());
    channel_ = std::make_unique<PlainChannel>(acceptor.accept());
    peer_.non_blocking(true);
  }
  bool wait(net::awaitable<bool> what) {
    std::optional<bool> out;
    net::co_spawn(io_, std::move(what), [&](const std::exception_ptr&, bool done) { out = done; });
    io_.restart();
    while (!out && io_.run_one() > 0) {
    }
    return out.value_or(false);
  }
  bool readable() { return wait(channel_->readable(std::chrono::steady_clock::now() + 30s)); }
  /// Reads with the peer until it has so many bytes, or `end`.
  std::string hear(std::size_t size, bool* end = nullptr) {
    std::string out;
    std::array<char, 65536> room{};
    while (out.size() < size || end != nullptr) {
      boost::system::error_code error;
      out.append(room.data(), peer_.read_some(net::buffer(room), error));
      if (error == net::error::would_block) {
        channel_->flush();
        continue;
      }
      if (end != nullptr) *end = error == net::error::eof;
      if (error) break;
    }
    return out;
  }
  static std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

  net::io_context io_;
  tcp::socket peer_;
  std::unique_ptr<PlainChannel> channel_;
};

// A proxy on this machine that passes nothing on for a while is there; its end would be known at once.
TEST(PlainChannelOfAUnixSocket, KnowsThatItsPeersSystemIsThere) {
  net::io_context io;
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  tcp::socket peer(io, tcp::v4(), ends[1]);
  PlainChannel channel(tcp::socket(io, tcp::v4(), ends[0]));
  EXPECT_FALSE(channel.in_flight());
  EXPECT_EQ(channel.backed_up(), std::nullopt);
  const std::string text = "not read yet";
  ASSERT_EQ(channel.write(std::as_bytes(std::span(text))), IoStatus::ok);
  ASSERT_EQ(channel.flush(), IoStatus::ok);
  EXPECT_TRUE(channel.in_flight());
  EXPECT_EQ(channel.backed_up(), 0ms);
  std::array<char, 64> room{};
  EXPECT_EQ(peer.read_some(net::buffer(room)), text.size());
  EXPECT_FALSE(channel.in_flight());
}

TEST_F(PlainChannelTest, ReadsWhatHasComeAndThenTheEnd) {
  std::array<std::byte, 16> room{};
  std::size_t got = 1;
  EXPECT_EQ(channel_->read(room, got), IoStatus::would_block);
  EXPECT_EQ(got, 0u);
  net::write(peer_, net::buffer(std::string("hello")));
  ASSERT_TRUE(readable());
  EXPECT_EQ(channel_->read(room, got), IoStatus::ok);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(room.data()), got), "hello");
  peer_.shutdown(tcp::socket::shutdown_send);
  ASSERT_TRUE(readable());
  EXPECT_EQ(channel_->read(room, got), IoStatus::eof);
}

TEST_F(PlainChannelTest, KeepsTheOrderOfWhatItHoldsAndEndsBehindIt) {
  std::string sent;
  std::string piece(100'000, 'a');
  IoStatus status = IoStatus::ok;
  for (int i = 0; status == IoStatus::ok; ++i) {
    piece.assign(piece.size(), static_cast<char>('a' + i % 26));
    status = channel_->write(bytes(piece));
    if (status == IoStatus::ok) sent += piece;
  }
  EXPECT_EQ(status, IoStatus::would_block) << "the peer reads nothing";
  EXPECT_TRUE(channel_->in_flight());
  EXPECT_EQ(channel_->close_notify(), IoStatus::would_block);
  EXPECT_EQ(channel_->write(bytes("more")), IoStatus::failed);
  bool ended = false;
  EXPECT_TRUE(hear(sent.size(), &ended) == sent);
  EXPECT_TRUE(ended);
}

TEST_F(PlainChannelTest, SendsNothingBeforeItIsToldTo) {
  EXPECT_EQ(channel_->write(bytes("one ")), IoStatus::ok);
  EXPECT_EQ(channel_->write(bytes("two")), IoStatus::ok);
  boost::system::error_code error;
  std::array<char, 16> room{};
  peer_.read_some(net::buffer(room), error);
  EXPECT_EQ(error, net::error::would_block);
  EXPECT_EQ(channel_->flush(), IoStatus::ok);
  EXPECT_EQ(hear(7), "one two");
}

TEST_F(PlainChannelTest, WaitsNoLongerThanItIsTold) {
  EXPECT_FALSE(wait(channel_->readable(std::chrono::steady_clock::now() + 20ms)));
  EXPECT_FALSE(wait(channel_->readable(std::chrono::steady_clock::now())));
  EXPECT_TRUE(wait(channel_->writable(std::chrono::steady_clock::now() + 30s)));
}

TEST_F(PlainChannelTest, DropsItsCallbacksOnceItIsClosed) {
  bool called = false;
  channel_->on_readable([&] { called = true; });
  channel_->close();
  io_.restart();
  io_.run();
  EXPECT_FALSE(called);
  std::array<std::byte, 1> room{};
  std::size_t got = 0;
  EXPECT_EQ(channel_->read(room, got), IoStatus::failed);
  EXPECT_EQ(channel_->flush(), IoStatus::failed);
}

TEST_F(PlainChannelTest, IsNotStrandedWhereItsAddressIsThisMachines) {
  EXPECT_FALSE(channel_->stranded());
}

}  // namespace
}  // namespace cfpipe::transport
