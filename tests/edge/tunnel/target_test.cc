// What a grant may lead to that the edge dials itself: what comes through its stream, and what it says if it
// is down.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "edge/edge_fixture.h"
#include "edge/tunnel/origin.h"
#include "support/hosts.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace {

namespace net = boost::asio;
using net::ip::tcp;
using Local = net::local::stream_protocol;
using tunnel::IoStatus;

class TargetTest : public ::testing::Test {
 protected:
  /// Through the interface that connections use.
  Connected connect(TunnelTarget& target) {
    std::optional<Connected> out;
    const auto run = [&]() -> net::awaitable<void> {
      out.emplace(co_await target.connect(grant_, nullptr, ends_));
    };
    net::co_spawn(loop_, run, net::detached);
    loop_.restart();
    loop_.run();
    return std::move(*out);
  }
  std::unique_ptr<tunnel::Stream> stream(TunnelTarget& target) {
    auto connected = connect(target);
    if (auto* made = std::get_if<std::unique_ptr<tunnel::Stream>>(&connected)) return std::move(*made);
    ADD_FAILURE() << std::get<Answer>(connected).body;
    return nullptr;
  }
  Answer refusal(TunnelTarget& target) {
    auto connected = connect(target);
    if (auto* answer = std::get_if<Answer>(&connected)) return std::move(*answer);
    ADD_FAILURE() << "connected";
    return {};
  }
  /// What the stream takes leaves by `peer`, and the other way round; each end is passed on by itself.
  template <class Socket>
  void expect_to_carry(tunnel::Stream& stream, Socket& peer, const std::string& first = {}) {
    std::string up = "up";
    std::vector<std::byte> room(tunnel::kHeadroom + up.size());
    std::copy_n(std::as_bytes(std::span(up)).begin(), up.size(), room.begin() + tunnel::kHeadroom);
    std::array<tunnel::Slice, 1> slices = {tunnel::Slice(room).subspan(tunnel::kHeadroom)};
    EXPECT_EQ(stream.take(slices).status, IoStatus::ok);
    EXPECT_EQ(stream.flush(), IoStatus::ok);
    EXPECT_EQ(stream.finish(), IoStatus::ok);
    std::string heard;
    boost::system::error_code error;
    net::read(peer, net::dynamic_buffer(heard), error);
    EXPECT_EQ(error, net::error::eof);
    EXPECT_EQ(heard, first + "up");
    net::write(peer, net::buffer("down", 4));
    peer.close();
    EXPECT_EQ(next(stream), "down");
    EXPECT_EQ(next(stream), "");
    EXPECT_EQ(stream.end(), tunnel::End::clean);
  }
  std::string next(tunnel::Stream& stream) {
    auto status = stream.fill();
    while (status == IoStatus::would_block) {
      stream.on_readable([] {});
      loop_.restart();
      loop_.run_one();
      status = stream.fill();
    }
    if (status != IoStatus::ok) return {};
    const auto got = stream.ready()[0];
    std::string out(reinterpret_cast<const char*>(got.data()), got.size());
    stream.consume(out.size());
    return out;
  }
  std::string path() const { return dir_ / "origin.sock"; }

  TempDir dir_;
  net::io_context loop_;
  tcp::acceptor listener_{loop_, {net::ip::address_v4::loopback(), 0}};
  TunnelGrant grant_{};
  ConnectionEnds ends_{{net::ip::make_address("192.0.2.7"), 50000},
                       {net::ip::make_address("192.0.2.1"), 443}};
};

TEST_F(TargetTest, ATcpOriginCarriesBothWays) {
  TcpOrigin origin("vm.localhost", transport::host_of("127.0.0.1"), listener_.local_endpoint().port());
  EXPECT_EQ(origin.text(), "127.0.0.1:" + std::to_string(listener_.local_endpoint().port()));
  EXPECT_FALSE(origin.keeps_sessions());
  const auto made = stream(origin);
  ASSERT_TRUE(made);
  auto peer = listener_.accept();
  expect_to_carry(*made, peer);
}

TEST_F(TargetTest, AnOriginIsToldOfTheClientFirstIfItWantsToKnow) {
  TcpOrigin origin("vm.localhost", transport::host_of("127.0.0.1"), listener_.local_endpoint().port(),
                   NamedBy::configuration, true);
  const auto made = stream(origin);
  ASSERT_TRUE(made);
  auto peer = listener_.accept();
  expect_to_carry(*made, peer, proxy_header(ends_));
}

TEST_F(TargetTest, ATcpOriginThatRefusesIsNamedByItsApplication) {
  const auto port = listener_.local_endpoint().port();
  listener_.close();
  TcpOrigin origin("vm.localhost", transport::host_of("127.0.0.1"), port);
  const Answer answer = refusal(origin);
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(header_of(answer, "Cfpipe-Reason"),
            "the origin of vm.localhost is down: it refused the connection");
}

TEST_F(TargetTest, AUnixOriginCarriesBothWays) {
  Local::acceptor listener(loop_, Local::endpoint(path()));
  UnixOrigin origin("vm.localhost", path());
  EXPECT_EQ(origin.text(), "unix:" + path());
  EXPECT_FALSE(origin.chosen_by_client());
  const auto made = stream(origin);
  ASSERT_TRUE(made);
  auto peer = listener.accept();
  expect_to_carry(*made, peer);
}

TEST_F(TargetTest, AUnixOriginIsToldOfTheClientFirstIfItWantsToKnow) {
  Local::acceptor listener(loop_, Local::endpoint(path()));
  UnixOrigin origin("vm.localhost", path(), true);
  const auto made = stream(origin);
  ASSERT_TRUE(made);
  auto peer = listener.accept();
  expect_to_carry(*made, peer, proxy_header(ends_));
}

TEST_F(TargetTest, AUnixOriginThatIsDownKeepsItsPathToItself) {
  UnixOrigin origin("vm.localhost", path());
  Answer answer = refusal(origin);
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(header_of(answer, "Cfpipe-Reason"),
            "the origin of vm.localhost is down: its socket is not there");
  EXPECT_EQ(answer.body.find(path()), std::string::npos);
  { const Local::acceptor left(loop_, Local::endpoint(path())); }
  answer = refusal(origin);
  EXPECT_EQ(header_of(answer, "Cfpipe-Reason"),
            "the origin of vm.localhost is down: no process listens on its socket");
}

}  // namespace
}  // namespace cfpipe::edge
