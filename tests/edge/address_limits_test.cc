// What one address may cause, and how much is remembered of it.
#include "edge/address_limits.h"

#include <gtest/gtest.h>

#include <string>

namespace cfpipe::edge {
namespace {

using boost::asio::ip::make_address;
constexpr std::int64_t kNow = 1'700'000'000;

TEST(AddressKey, IsAnIPv4AddressOrTheNetworkOfAnIPv6One) {
  EXPECT_NE(address_key("192.0.2.1"), address_key("192.0.2.2"));
  EXPECT_EQ(address_key("::ffff:192.0.2.1"), address_key("192.0.2.1"));
  EXPECT_EQ(address_key("2001:db8:0:1::1"), address_key("2001:db8:0:1:ffff::2"));
  EXPECT_NE(address_key("2001:db8:0:1::1"), address_key("2001:db8:0:2::1"));
  EXPECT_EQ(address_key("nonsense"), address_key(""));
}

TEST(ConnectionsPerAddress, AreCountedWhileTheyLive) {
  ConnectionsPerAddress connections(2);
  const auto here = make_address("192.0.2.1");
  auto first = connections.take(here);
  {
    const auto second = connections.take(here);
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(connections.take(here));
    EXPECT_TRUE(connections.take(make_address("192.0.2.2"))) << "another address has its own";
  }
  const auto moved = std::move(*first);
  const auto next = connections.take(here);
  EXPECT_TRUE(next);
  EXPECT_FALSE(connections.take(here)) << "a seat that has moved is still one";
}

TEST(ConnectionsPerAddress, AreAsManyAsThereMayBeWithoutALimit) {
  ConnectionsPerAddress connections(0);
  const auto one = connections.take(make_address("192.0.2.1"));
  EXPECT_TRUE(one && connections.take(make_address("192.0.2.1")));
}

TEST(AttemptsPerAddress, ComeBackOverAMinute) {
  AttemptsPerAddress attempts(3);
  const auto here = address_key("192.0.2.1");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(attempts.take(here, kNow), 0);
  EXPECT_EQ(attempts.take(here, kNow), 20) << "a third of a minute for one of three";
  EXPECT_EQ(attempts.take(here, kNow + 19), 1) << "asking costs nothing";
  EXPECT_EQ(attempts.take(here, kNow + 20), 0);
  EXPECT_EQ(attempts.take(here, kNow + 20), 20);
  EXPECT_EQ(attempts.take(address_key("192.0.2.2"), kNow), 0) << "another address has its own";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(attempts.take(here, kNow + 1000), 0);
  EXPECT_GT(attempts.take(here, kNow + 1000), 0) << "no more than three are saved up";
  EXPECT_GT(attempts.take(here, kNow), 0) << "a clock that was set back gives nothing";
}

TEST(AttemptsPerAddress, AreRememberedOfSoManyAddresses) {
  AttemptsPerAddress attempts(1);
  const auto first = address_key("10.0.0.0");
  const auto second = address_key("10.0.0.1");
  EXPECT_EQ(attempts.take(first, kNow), 0);
  EXPECT_EQ(attempts.take(second, kNow), 0);
  EXPECT_NE(attempts.take(first, kNow), 0) << "which makes it the latest";
  for (std::size_t i = 2; i <= kMaxAddresses; ++i) {
    const auto address = boost::asio::ip::address_v4(static_cast<std::uint32_t>(0x0a000000 + i));
    EXPECT_EQ(attempts.take(address_key(address), kNow), 0);
  }
  EXPECT_EQ(attempts.size(), kMaxAddresses);
  EXPECT_NE(attempts.take(first, kNow), 0);
  EXPECT_EQ(attempts.take(second, kNow), 0) << "forgotten for another";
}

TEST(AttemptsPerAddress, AreAsManyAsItLikesWithoutALimit) {
  AttemptsPerAddress attempts(0);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(attempts.take(address_key("192.0.2.1"), kNow), 0);
  EXPECT_EQ(attempts.size(), 0u);
}

}  // namespace
}  // namespace cfpipe::edge
